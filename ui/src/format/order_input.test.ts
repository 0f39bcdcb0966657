import { describe, expect, test } from 'vitest';
import { NOTHING_TYPED, orderInput, type Typed } from './order_input';

const typed = (fields: Partial<Typed>): Typed => ({ ...NOTHING_TYPED, amount: '12.50', description: '茶', openid: '', ...fields });

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
    [{ minutes: '0' }, ['time_expire']],
    [{ minutes: '1.5' }, ['time_expire']],
    [{ minutes: '10081' }, ['time_expire']],
    [{ more: '[1]' }, ['fields']],
    [{ more: '{"a":' }, ['fields']],
    [{ amount: '', description: '' }, ['amount', 'description']],
  ])('%j is refused at %j', (fields, at) => {
    const result = orderInput(typed(fields));
    expect('faults' in result ? result.faults.map((fault) => fault.field) : []).toEqual(at);
  });

  test.each(['GT2026-11_24', 'a|b*c-d', 'x'.repeat(32)])('%j is a number', (outTradeNo) => expect(orderInput(typed({ outTradeNo }))).toHaveProperty('input'));

  test('what else can be said of a prepay goes under its own names', () => {
    const more = '{"detail":{"invoice_id":"wx1"},"settle_info":{"x":1}}';
    const result = orderInput(typed({ minutes: '30', goodsTag: ' WXG ', noCredit: true, fapiao: true, sharing: true, more }), Date.parse('2026-11-24T23:45:00+08:00'));
    expect('input' in result && result.input.fields).toEqual({
      detail: { invoice_id: 'wx1' },
      time_expire: '2026-11-25T00:15:00+08:00',
      goods_tag: 'WXG',
      limit_pay: ['no_credit'],
      support_fapiao: true,
      settle_info: { x: 1, profit_sharing: true },
    });
  });
});
