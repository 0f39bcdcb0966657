// How everything is, against the fake desk: read while watched, its level set, its log in the workbench.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { fake, type FakeBackend } from '../backend/fake';
import { Desk } from './desk.svelte';

let desk: Desk;
let backend: FakeBackend;

beforeEach(async () => {
  vi.useFakeTimers();
  backend = fake({ language: 'en' });
  desk = new Desk(backend);
  await desk.open();
});
afterEach(() => {
  desk.close();
  vi.useRealTimers();
});

test('it is read again while somebody looks, and no longer', async () => {
  const asked = vi.spyOn(desk.quiet, 'health');
  const stop = desk.health.watch();
  await vi.advanceTimersByTimeAsync(0);
  expect(desk.health.now?.serving[0]?.deliveries.applied).toBeGreaterThan(0);
  await vi.advanceTimersByTimeAsync(9000);
  expect(asked).toHaveBeenCalledTimes(3);
  stop();
  await vi.advanceTimersByTimeAsync(9000);
  expect(asked).toHaveBeenCalledTimes(3);
  // one line in the workbench, however long somebody looks
  expect(desk.journal.entries.filter((entry) => entry.name === 'health')).toHaveLength(1);
});

test('a folder that nothing opens is copied', async () => {
  await desk.health.read();
  await desk.health.openLogs();
  expect(desk.toasts.list.some((toast) => toast.text.includes('copied'))).toBe(true);
});

test('the log of the program stands among the calls, each line once', async () => {
  const stop = desk.journal.follow(desk);
  await vi.advanceTimersByTimeAsync(5000);
  stop();
  const lines = desk.journal.entries.filter((entry) => entry.kind === 'log');
  expect(lines.map((entry) => entry.name)).toEqual(['warn guitai_console::daily', 'info guitai_console::listener']);
  expect(lines[1]?.facts).toBe('the callback listener is open addr=127.0.0.1:8787');
});

test('the frame asks how it is by itself', async () => {
  const asked = vi.spyOn(backend.commands, 'appState');
  await vi.advanceTimersByTimeAsync(31_000);
  expect(asked).toHaveBeenCalledTimes(1);
  desk.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toHaveBeenCalledTimes(1);
});
