import { clearMocks, mockIPC } from '@tauri-apps/api/mocks';
import { emit } from '@tauri-apps/api/event';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { inProgram, problemOf, Refused, tauri } from './call';

afterEach(async () => {
  await new Promise((resolve) => setTimeout(resolve));
  clearMocks();
});

const refused = { code: 'ORDERPAID', message: { zh: '已支付', en: 'paid' }, why: null, hint: { zh: '查询', en: 'query' }, field: null, gateway: null };

test('a browser is not the program', () => expect(inProgram()).toBe(false));

describe('a call', () => {
  test('gives its data, with the arguments under their names', async () => {
    const seen: unknown[] = [];
    mockIPC((command, args) => {
      seen.push([command, args]);
      return { out_trade_no: 'A1' };
    });
    expect(await tauri().commands.orderQuery('shop', 'A1')).toEqual({ out_trade_no: 'A1' });
    expect(seen).toEqual([['order_query', { m: 'shop', outTradeNo: 'A1' }]]);
  });

  test('that is refused throws the problem itself', async () => {
    mockIPC(() => Promise.reject(refused));
    await expect(tauri().commands.orderClose(null, 'A1')).rejects.toSatisfy((thrown) => thrown instanceof Refused && thrown.problem.code === 'ORDERPAID');
  });

  test.each([['invalid args `outTradeNo` for command `order_query`'], ['order_query not allowed by ACL']])('the plumbing’s own text becomes a problem: %s', async (text) => {
    mockIPC(() => Promise.reject(text));
    await expect(tauri().commands.orderQuery(null, 'A1')).rejects.toSatisfy((thrown) => problemOf(thrown).code === 'WINDOW' && problemOf(thrown).why?.en === text);
  });

  test('events arrive until they are not wanted any more', async () => {
    mockIPC(() => null, { shouldMockEvents: true });
    const heard: unknown[] = [];
    const stop = await tauri().onDesk((news) => heard.push(news));
    const news = { events: [{ kind: 'merchants_changed' }], missed: false };
    await emit('desk-event', news);
    await vi.waitFor(() => expect(heard).toEqual([news]));
    stop();
  });
});

describe('whatever is thrown becomes a problem', () => {
  test.each([
    [new Refused(refused), 'ORDERPAID'],
    [refused, 'ORDERPAID'],
    [new TypeError('x is undefined'), 'WINDOW'],
    ['text', 'WINDOW'],
    [null, 'WINDOW'],
    [{ code: 1 }, 'WINDOW'],
  ])('%o', (thrown, code) => {
    const problem = problemOf(thrown);
    expect([problem.code, typeof problem.message.zh, typeof problem.hint.en]).toEqual([code, 'string', 'string']);
  });
});
