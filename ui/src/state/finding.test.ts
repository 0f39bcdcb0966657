import { beforeEach, expect, test, vi } from 'vitest';
import { fake, type FakeBackend } from '../backend/fake';
import { Desk } from './desk.svelte';
import { find, isId } from './finding';

async function opened(backend: FakeBackend = fake()): Promise<{ desk: Desk; backend: FakeBackend }> {
  const desk = new Desk(backend);
  await desk.open();
  await vi.waitFor(() => expect(desk.orders.feed.ready && desk.callbacks.feed.ready).toBe(true));
  return { desk, backend };
}

beforeEach(() => localStorage.clear());

test.each([
  ['1217752501201407033233368018', true],
  [' GT20261124A1 ', true],
  ['cb_1', true],
  ['abc', false],
  ['two words', false],
])('%j may be an id: %j', (text, may) => expect(isId(text)).toBe(may));

test('an order is found by its number, and several by what they share', async () => {
  const { desk, backend } = await opened();
  const no = backend.data.orders[3]?.out_trade_no ?? '';
  await find(desk, ` ${no} `);
  expect([desk.view.screen, desk.orders.selected]).toEqual(['orders', no]);
  await find(desk, no.slice(0, 6));
  expect(desk.orders.conditions.now.search).toBe(no.slice(0, 6));
});

test('a callback is found by its own id and by that of its notification, a refund by its number', async () => {
  const backend = fake();
  const paid = backend.data.callbacks.find((it) => it.notification_id !== null && it.event_type === 'TRANSACTION.SUCCESS');
  if (!paid) throw new Error('the fake has payments');
  const known = { [paid.notification_id ?? '']: paid, 'RF-of-a-refund': { ...paid, event_type: 'REFUND.SUCCESS' } };
  const { callbackList } = backend.commands;
  backend.commands.callbackList = async (m, filter) => (filter.limit === 1 ? { items: [known[filter.search ?? '']].filter((it) => it !== undefined), next: null } : callbackList(m, filter));
  const { desk } = await opened(backend);
  await find(desk, paid.notification_id ?? '');
  expect([desk.view.screen, desk.callbacks.selected]).toEqual(['callbacks', paid.id]);
  await find(desk, 'RF-of-a-refund');
  expect([desk.view.screen, desk.orders.selected, desk.orders.tab]).toEqual(['orders', paid.out_trade_no, 'refunds']);
});

test('a key is found by its serial, a call by its Request-ID; what is nowhere is said', async () => {
  const backend = fake();
  const [call] = backend.data.exchanges;
  if (!call) throw new Error('the fake has calls');
  backend.commands.exchangeFind = async (_m, said) => (said === '08F78E9-request-id' ? call : null);
  const { desk } = await opened(backend);
  const [key] = await backend.commands.keyRegister(desk.m);
  await find(desk, (key?.serial_no ?? '').toLowerCase());
  expect([desk.view.screen, desk.bench.tab]).toEqual(['signatures', 'keys']);
  await find(desk, '08F78E9-request-id');
  expect([desk.bench.tab, desk.exchanges.selected]).toEqual(['exchanges', call.id]);
  await find(desk, 'NOTHING-HAS-THIS');
  expect(desk.toasts.list.at(-1)?.text).toContain('NOTHING-HAS-THIS');
});
