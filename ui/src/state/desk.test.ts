import { beforeEach, describe, expect, test, vi } from 'vitest';
import { fake, refusal, type FakeBackend } from '../backend/fake';
import { words } from '../text/words.svelte';
import { Bulk } from './bulk.svelte';
import { Desk } from './desk.svelte';
import { Feed } from './feed.svelte';
import { Marks } from './marks.svelte';

async function opened(backend: FakeBackend = fake()): Promise<Desk> {
  const desk = new Desk(backend);
  await desk.open();
  await vi.waitFor(() => expect(desk.orders.feed.ready && desk.callbacks.feed.ready).toBe(true));
  return desk;
}

beforeEach(() => localStorage.clear());

describe('the desk', () => {
  test('opens in the language and theme of the settings', async () => {
    const desk = await opened(fake({ language: 'en', theme: 'dark' }));
    expect([words.tongue, desk.appearance.drawn, document.documentElement.lang, document.documentElement.dataset.theme]).toEqual(['en', 'dark', 'en', 'dark']);
    await desk.appearance.speak('zh');
    expect([words.t.nav.orders, document.documentElement.lang]).toEqual(['订单', 'zh-CN']);
    expect((await desk.commands.appState()).settings).toMatchObject({ language: 'zh', theme: 'dark' });
  });

  test('says why it did not open, and can try again', async () => {
    const backend = fake();
    const { appState } = backend.commands;
    backend.commands.appState = async () => {
      throw refusal('STORE_NEWER', '数据由更新的版本写入', 'A newer version wrote the store');
    };
    const desk = new Desk(backend);
    await desk.open();
    expect([desk.app, desk.opening.problem?.code]).toEqual([null, 'STORE_NEWER']);
    backend.commands.appState = appState;
    const again = new Desk(backend);
    await again.open();
    expect(again.app?.current).toBe('sandbox');
  });

  test('another merchant means other lists, and remembers filters for each', async () => {
    const desk = await opened();
    desk.orders.where({ states: ['CLOSED'] });
    await vi.waitFor(() => expect(desk.orders.feed.rows.every((order) => order.state === 'CLOSED')).toBe(true));
    await desk.merchants.use('lakeside-cafe');
    await vi.waitFor(() => expect(desk.m).toBe('lakeside-cafe'));
    await vi.waitFor(() => expect(desk.orders.feed.rows).toEqual([]));
    expect([desk.pretend, desk.orders.conditions.now.states]).toEqual([false, []]);
    await desk.merchants.use('sandbox');
    await vi.waitFor(() => expect(desk.orders.conditions.now.states).toEqual(['CLOSED']));
  });

  test('a question is answered once, and a newer one takes its place', async () => {
    const desk = await opened();
    const first = desk.ask({ title: '1', text: '', yes: 'y', danger: false });
    const second = desk.ask({ title: '2', text: '', yes: 'y', danger: false });
    desk.question?.answer(true);
    expect([await first, await second, desk.question]).toEqual([false, true, null]);
  });
});

describe('an order', () => {
  test('is made, prepaid, paid on the phone, and turns paid by its event', async () => {
    const desk = await opened(fake({ empty: true }));
    desk.go('orders');
    expect(await desk.orders.create({ amount: 1250, description: '热美式' })).toBe(true);
    await vi.waitFor(() => expect(desk.orders.dossier?.state).toBe('CREATED'));
    const no = desk.orders.selected ?? '';
    await desk.orders.prepay('jsapi');
    expect(desk.orders.dossier?.state).toBe('NOTPAY');
    await desk.phone.take(no);
    expect([desk.phone.stage, desk.phone.order?.amount]).toEqual(['ready', 1250]);
    expect(desk.phone.params).toMatchObject({ appId: desk.orders.dossier?.appid, package: `prepay_id=${desk.orders.dossier?.prepay_id}` });
    await desk.phone.pay('SUCCESS');
    expect(desk.phone.stage).toBe('done');
    await vi.waitFor(() => expect(desk.orders.dossier?.state).toBe('SUCCESS'));
    await vi.waitFor(() => expect(desk.callbacks.feed.rows[0]?.verdict).toBe('applied'));
    await vi.waitFor(() => expect(desk.overview.figures?.taken_today).toBe(1250));
    expect(desk.toasts.list, 'nobody who looks at the order needs to be told').toEqual([]);
    expect(desk.orders.feed.rows.map((order) => order.state)).toEqual(['SUCCESS']);
  });

  test('a refused one tells the field and stays in the form', async () => {
    const desk = await opened(fake({ empty: true }));
    desk.orders.creating = true;
    await desk.orders.create({ amount: 1, description: 'a', out_trade_no: 'TWICE-01' });
    desk.orders.creating = true;
    expect(await desk.orders.create({ amount: 1, description: 'a', out_trade_no: 'TWICE-01' })).toBe(false);
    expect([desk.orders.making.problem?.code, desk.orders.making.problem?.field, desk.orders.creating]).toEqual(['OUT_TRADE_NO_USED', 'out_trade_no', true]);
  });

  test('closing asks first', async () => {
    const desk = await opened();
    const unpaid = desk.orders.feed.rows.find((order) => order.state === 'NOTPAY');
    await desk.orders.open(unpaid?.out_trade_no ?? '');
    const closing = desk.orders.close();
    desk.question?.answer(false);
    await closing;
    expect(desk.orders.dossier?.state).toBe('NOTPAY');
    const again = desk.orders.close();
    desk.question?.answer(true);
    await again;
    expect(desk.orders.dossier?.state).toBe('CLOSED');
  });

  test('refunds add up, and what remains goes down', async () => {
    const desk = await opened();
    const paid = desk.orders.feed.rows.find((order) => order.state === 'SUCCESS');
    await desk.orders.open(paid?.out_trade_no ?? '');
    const total = desk.orders.dossier?.amount.total ?? 0;
    await desk.orders.refund({ amount: 100 });
    expect(desk.orders.refundable).toBe(total - 100);
    await desk.orders.refund({ amount: null });
    expect([desk.orders.refundable, desk.orders.tab]).toEqual([0, 'refunds']);
  });

  test('the same amount once more is asked about first', async () => {
    const desk = await opened();
    const paid = desk.orders.feed.rows.find((order) => order.state === 'SUCCESS');
    await desk.orders.open(paid?.out_trade_no ?? '');
    await desk.orders.refund({ amount: 100 });
    const again = desk.orders.refund({ amount: 100 });
    expect(desk.question?.text).toContain(desk.orders.dossier?.refunds[0]?.out_refund_no);
    desk.question?.answer(false);
    await again;
    expect(desk.orders.dossier?.refunds.length).toBe(1);
  });

  test('live money is asked about with its amount', async () => {
    const desk = await opened();
    const paid = desk.orders.feed.rows.find((order) => order.state === 'SUCCESS');
    await desk.orders.open(paid?.out_trade_no ?? '');
    desk.app = desk.app && { ...desk.app, merchants: desk.app.merchants.map((merchant) => ({ ...merchant, sandbox: false })) };
    const refunding = desk.orders.refund({ amount: 100 });
    expect([desk.question?.amount, desk.question?.danger]).toEqual(['¥1.00', true]);
    desk.question?.answer(false);
    await refunding;
    expect(desk.orders.dossier?.refunded).toBe(0);
  });

  test('an answer for an order that was left is not shown', async () => {
    const desk = await opened();
    const [first, second] = desk.orders.feed.rows.map((order) => order.out_trade_no);
    const opening = desk.orders.open(first ?? '');
    const other = desk.orders.open(second ?? '');
    await Promise.all([opening, other]);
    expect(desk.orders.dossier?.out_trade_no).toBe(second);
  });

  test('the phone names what is wrong with the pay params', async () => {
    const backend = fake();
    const desk = await opened(backend);
    const row = desk.orders.feed.rows.find((order) => order.state === 'NOTPAY');
    await desk.orders.open(row?.out_trade_no ?? '');
    await desk.orders.prepay('jsapi');
    backend.commands.phoneScan = async () => {
      throw refusal('PAY_PARAMS_REFUSED', '微信客户端拒绝了调起参数', "WeChat's client refuses these pay params");
    };
    const strict = new Desk(backend);
    await strict.open();
    await strict.phone.take(row?.out_trade_no ?? '');
    expect([strict.phone.stage, strict.phone.problem?.code]).toEqual(['refused', 'PAY_PARAMS_REFUSED']);
  });

  test('the phone does not pay what is paid', async () => {
    const desk = await opened();
    const paid = desk.orders.feed.rows.find((order) => order.state === 'SUCCESS');
    await desk.phone.take(paid?.out_trade_no ?? '');
    expect(desk.phone.stage).toBe('over');
    await desk.phone.pay('SUCCESS');
    expect(desk.phone.stage).toBe('over');
  });

  test('before a prepay the phone has nothing', async () => {
    const desk = await opened(fake({ empty: true }));
    await desk.orders.test();
    await vi.waitFor(() => expect(desk.orders.dossier).not.toBeNull());
    await desk.phone.take(desk.orders.selected ?? '');
    expect(desk.phone.stage).toBe('nothing');
  });
});

describe('work', () => {
  test('that takes long shows itself, and can be left', async () => {
    vi.useFakeTimers();
    try {
      const { Task } = await import('./task.svelte');
      const task = new Task();
      const running = task.run(() => new Promise((resolve) => setTimeout(() => resolve('late'), 10_000)));
      expect([task.busy, task.slow, task.long]).toEqual([true, false, false]);
      await vi.advanceTimersByTimeAsync(300);
      expect([task.slow, task.long]).toEqual([true, false]);
      await vi.advanceTimersByTimeAsync(2700);
      expect(task.long).toBe(true);
      task.leave();
      expect(task.busy).toBe(false);
      await vi.advanceTimersByTimeAsync(10_000);
      expect(await running).toBeUndefined();
    } finally {
      vi.useRealTimers();
    }
  });
});

test('a payment elsewhere is told, and leads there', async () => {
  const backend = fake();
  const desk = await opened(backend);
  const [order] = desk.orders.feed.rows;
  backend.emit({ kind: 'payment_received', merchant: 'sandbox', out_trade_no: order?.out_trade_no ?? '', amount: 1250, found_by: 'callback' });
  await vi.waitFor(() => expect(desk.toasts.list[0]?.text).toContain('¥12.50'));
  desk.toasts.list[0]?.open?.();
  await vi.waitFor(() => expect([desk.view.screen, desk.orders.dossier?.out_trade_no]).toEqual(['orders', order?.out_trade_no]));
});

test('another merchant’s payment is not', async () => {
  const backend = fake();
  const desk = await opened(backend);
  backend.emit({ kind: 'payment_received', merchant: 'lakeside-cafe', out_trade_no: 'X', amount: 1, found_by: 'callback' });
  await new Promise((resolve) => setTimeout(resolve));
  expect(desk.toasts.list).toEqual([]);
});

test('with a channel chosen, a new order is prepaid at once', async () => {
  const desk = await opened(fake({ empty: true }));
  await desk.orders.create({ amount: 300, description: '茶' }, 'native');
  await vi.waitFor(() => expect([desk.orders.dossier?.state, desk.orders.dossier?.code_url?.startsWith('weixin://')]).toEqual(['NOTPAY', true]));
});

describe('the orders desk', () => {
  test('filters are kept, cleared, and brought back by undo', async () => {
    const backend = fake();
    const desk = await opened(backend);
    desk.orders.where({ vias: ['native'], amountFrom: '10' });
    await vi.waitFor(() => expect(desk.orders.feed.rows.every((order) => order.via === 'native' && order.amount.total >= 1000)).toBe(true));
    await vi.waitFor(() => expect(desk.orders.totals?.orders).toBe(backend.data.orders.filter((order) => order.merchant === 'sandbox' && order.via === 'native' && order.amount.total >= 1000).length));
    desk.orders.clearFilters();
    expect(desk.orders.filtered).toBe(false);
    desk.toasts.list.at(-1)?.undo?.();
    expect(desk.orders.conditions.now).toMatchObject({ vias: ['native'], amountFrom: '10' });
  });

  test('an answer to what is no longer typed is not shown, neither rows nor sums', async () => {
    const backend = fake();
    const desk = await opened(backend);
    const { orderLook, orderTotals } = desk.commands;
    const held: (() => void)[] = [];
    const late = (search: string | null | undefined) => (search === 'ab' ? Promise.resolve() : new Promise<void>((done) => held.push(done)));
    desk.commands.orderLook = async (m, filter) => (await late(filter.search), orderLook(m, { ...filter, search: filter.search === 'ab' ? null : 'nothing has this' }));
    desk.commands.orderTotals = async (m, filter) => (await late(filter.search), orderTotals(m, { ...filter, search: filter.search === 'ab' ? null : 'nothing has this' }));
    desk.orders.where({ search: 'a' });
    desk.orders.where({ search: 'ab' });
    const all = backend.data.orders.filter((order) => order.merchant === 'sandbox').length;
    await vi.waitFor(() => expect([held.length, desk.orders.feed.loading.busy, desk.orders.totals?.orders]).toEqual([2, false, all]));
    const shown = desk.orders.feed.rows.length;
    expect(shown).toBeGreaterThan(0);
    for (const answer of held) answer();
    await new Promise((done) => setTimeout(done, 0));
    expect([desk.orders.feed.rows.length, desk.orders.totals?.orders]).toEqual([shown, all]);
  });

  test('orders that nobody was asked about go behind one payment', async () => {
    const desk = await opened(fake({ empty: true }));
    for (const amount of [300, 450]) await desk.orders.create({ amount, description: '茶' });
    await vi.waitFor(() => expect(desk.orders.feed.rows.length).toBe(2));
    const [one, two] = desk.orders.feed.rows.map((order) => order.out_trade_no);
    desk.orders.marks.toggle(one ?? '');
    expect(desk.orders.combinable).toEqual([]);
    desk.orders.marks.toggle(two ?? '');
    expect(desk.orders.combinable.length).toBe(2);
    await desk.orders.combine();
    expect([desk.orders.combined?.amount.total, desk.orders.combined?.code_url?.startsWith('weixin://'), desk.orders.marks.size]).toEqual([750, true, 0]);
  });

  test('many are closed at once: asked first, failures named, gone on with', async () => {
    const backend = fake();
    const desk = await opened(backend);
    for (const description of ['a', 'b', 'c']) {
      await desk.orders.create({ amount: 100, description });
      await desk.orders.prepay('native');
    }
    await vi.waitFor(() => expect(desk.orders.feed.rows.slice(0, 3).map((order) => order.state)).toEqual(['NOTPAY', 'NOTPAY', 'NOTPAY']));
    const [first, second, third] = desk.orders.feed.rows;
    for (const order of [first, second, third]) desk.orders.marks.toggle(order?.out_trade_no ?? '');
    const paid = desk.orders.feed.rows.find((order) => order.state === 'SUCCESS');
    desk.orders.marks.toggle(paid?.out_trade_no ?? '');
    expect([desk.orders.marks.size, desk.orders.eligible('close').length]).toEqual([4, 3]);

    const close = backend.commands.orderClose;
    let down = true;
    desk.commands.orderClose = async (m, no) => {
      if (down && no === second?.out_trade_no) throw new Error('the line is down');
      return close(m, no);
    };
    const work = desk.orders.bulkBegin('close');
    expect(desk.question?.title).toContain('3');
    desk.question?.answer(true);
    await work;
    const bulk = desk.orders.bulk;
    expect([bulk.done, bulk.failures.map((failure) => failure.no), bulk.running]).toEqual([2, [second?.out_trade_no], false]);
    down = false;
    await desk.orders.bulkAgain();
    expect([bulk.done, bulk.failures, bulk.rest]).toEqual([3, [], []]);
  });

  test('a stop leaves the rest, and it can be gone on with', async () => {
    const bulk = new Bulk();
    const seen: string[] = [];
    const one = async (no: string) => {
      seen.push(no);
      if (seen.length === 2) bulk.stop();
    };
    await bulk.begin('query', ['a', 'b', 'c', 'd'], one);
    expect([seen, bulk.rest, bulk.running]).toEqual([['a', 'b'], ['c', 'd'], false]);
    await bulk.go(one);
    expect([seen, bulk.done]).toEqual([['a', 'b', 'c', 'd'], 4]);
  });

  test('a range is marked from where it began', () => {
    const marks = new Marks();
    const keys = ['a', 'b', 'c', 'd', 'e'];
    marks.range(keys, 'd', 'b');
    expect([...marks.set]).toEqual(['b', 'c', 'd']);
    marks.clear();
    marks.toggle('e');
    marks.range(keys, 'c', null);
    expect([...marks.set].sort()).toEqual(['c', 'd', 'e']);
  });

  test('what was typed is there again after the form was closed', async () => {
    const desk = await opened();
    desk.orders.draft.amount = '12.50';
    desk.orders.creating = true;
    desk.orders.creating = false;
    expect(desk.orders.draft.amount).toBe('12.50');
    await desk.orders.create({ amount: 1250, description: 'a' });
    expect(desk.orders.draft.amount).toBe('');
  });
});

test('a list that finds little looks on until it is told to stop', async () => {
  let looks = 0;
  const feed = new Feed<{ id: number }>({
    key: (row) => String(row.id),
    at: () => '',
    page: async () => ({ items: ++looks === 5 ? [{ id: 5 }] : [], next: looks < 8 ? String(looks) : null }),
  });
  await feed.reload();
  expect([feed.rows, feed.more, looks]).toEqual([[{ id: 5 }], false, 8]);
});
