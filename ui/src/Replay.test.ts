import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import App from './App.svelte';
import { fake } from './backend/fake';

beforeEach(() => {
  localStorage.clear();
  // happy-dom has dialogs without the modal part
  HTMLDialogElement.prototype.showModal ??= function (this: HTMLDialogElement) {
    this.open = true;
  };
});
afterEach(cleanup);

const id = (testid: string) => screen.getByTestId(testid);
const within = { timeout: 8000 };

async function at(name: string, testid: string): Promise<void> {
  render(App, { backend: fake() });
  await screen.findByTestId('app');
  await fireEvent.click(id(`nav-${name}`));
  await screen.findAllByTestId(testid, {}, within);
}

describe('replaying and forwarding in the window', () => {
  test('a delivery is replayed: counted, sent, and its answer kept', { timeout: 20_000 }, async () => {
    await at('callbacks', 'callback-row');
    await fireEvent.click(screen.getAllByTestId('callback-row')[0]!);
    await fireEvent.click(await screen.findByTestId('callback-replay', {}, within));
    await fireEvent.input(id('replay-to'), { target: { value: 'http://10.0.0.1/' } });
    await screen.findByTestId('replay-problem', {}, within);
    await fireEvent.input(id('replay-to'), { target: { value: 'http://127.0.0.1:8080/notify' } });
    expect((await screen.findByTestId('replay-forecast', {}, within)).textContent).toContain('300');
    await fireEvent.click(id('replay-edited'));
    await fireEvent.input(id('replay-content'), { target: { value: '{' } });
    await screen.findByTestId('replay-wrong', {}, within);
    expect(id('replay-send')).toHaveProperty('disabled', true);
    await fireEvent.click(id('replay-resigned'));
    await fireEvent.submit(id('replay-to').closest('form')!);
    await screen.findByTestId('replay-summary', {}, within);
    await vi.waitFor(() => expect(id('replay-answer').dataset.status).toBe('204'), within);
    await fireEvent.click(id('replay-close'));
    expect(screen.queryByTestId('replay')).toBeNull();
  });

  test('forward targets are added, paused and removed, and what is dead is brought back', { timeout: 20_000 }, async () => {
    await at('settings', 'forward-target');
    await fireEvent.input(id('forward-url'), { target: { value: 'http://127.0.0.1:9000/new' } });
    await fireEvent.submit(id('forward-url').closest('form')!);
    await vi.waitFor(() => expect(screen.getAllByTestId('forward-target')).toHaveLength(3), within);
    const pausing = () => screen.getAllByTestId('forward-target').map((it) => it.dataset.paused);
    expect(pausing()).toEqual(['false', 'true', 'false']);
    await fireEvent.click(screen.getAllByTestId('forward-pause')[0]!);
    await vi.waitFor(() => expect(pausing()[0]).toBe('true'), within);
    await fireEvent.click(screen.getAllByTestId('forward-remove')[2]!);
    await vi.waitFor(() => expect(screen.getAllByTestId('forward-target')).toHaveLength(2), within);
    await fireEvent.click(id('forward-recover'));
    await vi.waitFor(() => expect(screen.queryByTestId('forward-dead')).toBeNull(), within);
  });
});
