// The books against the fake desk: a day is compared, a difference mended, a backup made and restored.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { fake } from '../backend/fake';
import { yesterday } from './books.svelte';
import { Desk } from './desk.svelte';

let desk: Desk;

beforeEach(async () => {
  desk = new Desk(fake({ language: 'en' }));
  await desk.open();
});
afterEach(() => desk.close());

test("yesterday is Beijing's", () => {
  expect(yesterday(Date.parse('2026-11-24T15:59:59Z'))).toBe('2026-11-23');
  expect(yesterday(Date.parse('2026-11-24T16:00:00Z'))).toBe('2026-11-24');
});

test('a difference is mended and the day compared again', async () => {
  const { books } = desk;
  await books.reconcile('2026-11-23');
  expect(books.day?.found).toBe(2);
  expect(books.bills.map((bill) => [bill.date, bill.differences])).toEqual([['2026-11-23', 2]]);
  const missing = books.day?.differences.find((it) => it.mend === 'record');
  await books.mend(missing!);
  expect(books.day?.found).toBe(1);
  expect(books.day?.here).toEqual(books.day?.there);
  const silent = books.day!.differences[0]!;
  books.shown = true;
  await books.mend(silent);
  expect([books.shown, desk.orders.selected, desk.orders.tab]).toEqual([false, silent.out_trade_no, 'callbacks']);
});

test('a backup is made, and restored only when that was said', async () => {
  const { books } = desk;
  await books.backUp();
  expect(books.backups).toHaveLength(1);
  const restoring = books.restore(books.backups[0]!);
  desk.question?.answer(false);
  await restoring;
  expect(desk.toasts.list.some((toast) => toast.text.startsWith('Restored'))).toBe(false);
  const again = books.restore(books.backups[0]!);
  desk.question?.answer(true);
  await again;
  expect(desk.toasts.list.some((toast) => toast.text.startsWith('Restored'))).toBe(true);
});
