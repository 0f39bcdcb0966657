import { describe, expect, test } from 'vitest';
import { orderInput, type Typed } from './order_input';

const typed = (fields: Partial<Typed>): Typed => ({ amount: '12.50', description: '茶', outTradeNo: '', openid: '', attach: '', ...fields });

describe('a new order', () => {
  test('what was typed becomes an order', () => {
    expect(orderInput(typed({ description: '  热美式 ', openid: ' oUpF8u ' }))).toEqual({
      input: { amount: 1250, description: '热美式', out_trade_no: null, openid: 'oUpF8u', attach: null, notify_url: null },
    });
  });

  test('a description has 127 characters, emoji counted once', () => {
    expect(orderInput(typed({ description: '😀'.repeat(127) }))).toHaveProperty('input');
    expect(orderInput(typed({ description: '字'.repeat(128) }))).toEqual({ faults: [{ field: 'description', fault: 'description_long', count: 128 }] });
  });

  test.each([
    [{ amount: '0' }, ['amount']],
    [{ amount: '1.234' }, ['amount']],
    [{ description: ' ' }, ['description']],
    [{ outTradeNo: 'short' }, ['out_trade_no']],
    [{ outTradeNo: 'with space' }, ['out_trade_no']],
    [{ outTradeNo: '订单号一二三四' }, ['out_trade_no']],
    [{ outTradeNo: 'x'.repeat(33) }, ['out_trade_no']],
    [{ attach: 'x'.repeat(129) }, ['attach']],
    [{ amount: '', description: '' }, ['amount', 'description']],
  ])('%j is refused at %j', (fields, at) => {
    const result = orderInput(typed(fields));
    expect('faults' in result ? result.faults.map((fault) => fault.field) : []).toEqual(at);
  });

  test.each(['GT2026-11_24', 'a|b*c-d', 'x'.repeat(32)])('%j is a number', (outTradeNo) => expect(orderInput(typed({ outTradeNo }))).toHaveProperty('input'));
});
