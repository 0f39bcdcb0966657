import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import App from './App.svelte';
import { fake, type FakeBackend, type FakeOptions } from './backend/fake';

// Compiled once before the clock of a test runs: a busy machine takes longer for it than a screen may take to come.
beforeAll(() => Promise.all([import('./screens/Orders.svelte'), import('./screens/Callbacks.svelte'), import('./screens/Signatures.svelte'), import('./screens/Sandbox.svelte'), import('./screens/Settings.svelte')]).then(() => undefined), 120_000);
beforeEach(() => localStorage.clear());
afterEach(cleanup);

const id = (testid: string) => screen.getByTestId(testid);
const press = (key: string, more: object = {}) => fireEvent.keyDown(document.body, { key, ...more });

async function shown(options: FakeOptions = {}, backend: FakeBackend = fake(options)): Promise<FakeBackend> {
  render(App, { backend });
  await screen.findByTestId('app');
  return backend;
}

/** Goes to a screen and waits for something on it. */
async function at(name: string, testid: string): Promise<void> {
  await fireEvent.click(id(`nav-${name}`));
  await screen.findAllByTestId(testid, {}, { timeout: 8000 });
}

async function fill(testid: string, value: string): Promise<void> {
  await fireEvent.input(id(testid), { target: { value } });
}

describe('the window', () => {
  test('an order is made by the form, paid on the phone, and its callback can be read', { timeout: 20_000 }, async () => {
    await shown({ empty: true });
    await at('orders', 'new-order');
    await fireEvent.click(id('new-order'));
    await fill('new-order-amount', '12.50');
    await fill('new-order-description', '热美式');
    await fireEvent.submit(id('new-order-form'));
    await screen.findByTestId('order-detail');
    await fireEvent.click(id('prepay-jsapi'));
    await fireEvent.click(await screen.findByTestId('open-phone'));
    expect((await screen.findByTestId('phone-amount')).textContent).toContain('¥12.50');
    await fireEvent.click(id('phone-pay'));
    await vi.waitFor(() => expect(id('order-state').dataset.state).toBe('SUCCESS'), { timeout: 3000 });

    await at('callbacks', 'callback-row');
    await fireEvent.click(id('callback-row'));
    await screen.findByTestId('callback-detail');
    expect(screen.getAllByTestId('check').map((rung) => rung.dataset.ok)).toEqual(Array(10).fill('true'));
    expect(id('callback-decrypted').textContent).toMatch(/trade_state.*1250/s);

    await at('orders', 'order-row');
    await fireEvent.click(id('order-row'));
    await fireEvent.click(await screen.findByTestId('tab-requests'));
    await fireEvent.click(id('exchange-row'));
    expect((await screen.findByTestId('sign-string')).textContent).toMatch(/POST.*\/v3\/pay\/transactions\/jsapi.*"total":1250/s);
  });

  test('what can be no order is named, and nothing is made', { timeout: 20_000 }, async () => {
    const backend = await shown({ empty: true, language: 'en' });
    await at('orders', 'new-order');
    await fireEvent.click(id('new-order'));
    for (const [amount, description] of [['0', 'Tea'], ['1.234', 'Tea'], ['ten', 'Tea'], ['1', ''], ['1', '字'.repeat(128)]] as const) {
      await fill('new-order-amount', amount);
      await fill('new-order-description', description);
      await fireEvent.submit(id('new-order-form'));
      expect(id('new-order-error').textContent?.trim(), `${amount} ${description}`).not.toBe('');
    }
    expect(backend.data.orders).toEqual([]);
  });

  test('a form that was opened before there is a merchant stays, and is offered the payer when there is', { timeout: 20_000 }, async () => {
    const backend = fake({ empty: true });
    const { appState } = backend.commands;
    const later = await appState();
    backend.commands.appState = async () => ({ ...later, merchants: [], current: null, sandbox: { ...later.sandbox, state: 'starting', openid: null } });
    let arrive: ((state: typeof later) => void) | undefined;
    backend.onApp = async (listener) => {
      arrive = listener;
      return () => undefined;
    };
    await shown({}, backend);
    await at('orders', 'new-order');
    await fireEvent.click(id('new-order'));
    await fill('new-order-amount', '3');
    arrive?.(later);
    await vi.waitFor(() => expect((id('new-order-openid') as HTMLInputElement).value).toBe(later.sandbox.openid));
    expect((id('new-order-amount') as HTMLInputElement).value).toBe('3');
    await fill('new-order-openid', 'mine');
    arrive?.({ ...later });
    await new Promise((resolve) => setTimeout(resolve));
    expect((id('new-order-openid') as HTMLInputElement).value).toBe('mine');
  });

  test.each(['zh', 'en'] as const)('every screen draws itself in %s', { timeout: 30_000 }, async (language) => {
    await shown({ language });
    await at('orders', 'order-row');
    await at('callbacks', 'callback-row');
    await at('signatures', 'signature-row');
    await at('sandbox', 'sandbox-requests');
    await at('settings', 'merchant-card');
    await at('overview', 'figure-takings');
    expect(id('app').dataset.lang).toBe(language);
  });

  test('language and theme change at once', { timeout: 20_000 }, async () => {
    await shown();
    await at('settings', 'lang-en');
    await fireEvent.click(id('lang-en'));
    await vi.waitFor(() => expect(id('nav-orders').textContent).toContain('Orders'));
    await fireEvent.click(id('theme-dark'));
    expect([id('app').dataset.theme, id('app').dataset.lang]).toEqual(['dark', 'en']);
    await fireEvent.click(id('lang-zh'));
    await vi.waitFor(() => expect(id('nav-orders').textContent).toContain('订单'));
  });

  test('text from outside is shown as text, direction and control characters made visible', { timeout: 20_000 }, async () => {
    const backend = fake({ empty: true });
    await backend.commands.orderCreate('sandbox', { amount: 1, description: '<img src=x onerror=alert(1)>\u202egnp.exe\u0007' });
    await shown({}, backend);
    await at('orders', 'order-row');
    const text = id('order-row').textContent ?? '';
    expect(text).toContain('<img src=x onerror=alert(1)>');
    expect(text).not.toMatch(/[\u202e\u0007]/);
    expect(text).toContain('RLO');
    expect(id('order-row').querySelector('img')).toBeNull();
  });

  test('a long list draws only what is in view', { timeout: 20_000 }, async () => {
    const backend = fake();
    const [pattern] = backend.data.orders;
    if (pattern) backend.data.orders = Array.from({ length: 5000 }, (_, i) => ({ ...pattern, out_trade_no: `N${String(99_999 - i)}`, created_at: new Date(Date.now() - i * 1000).toISOString() }));
    await shown({}, backend);
    await at('orders', 'order-row');
    expect(screen.getAllByTestId('order-row').length).toBeLessThan(60);
  });
});

describe('menus', () => {
  test('a row has one, and it does what it says', { timeout: 20_000 }, async () => {
    const backend = fake({ language: 'en' });
    const copied: string[] = [];
    backend.commands.copyText = async (text) => {
      copied.push(text);
      return null;
    };
    await shown({}, backend);
    await at('orders', 'order-row');
    const row = screen.getAllByTestId('order-row')[0];
    if (row) await fireEvent.contextMenu(row);
    const menu = await screen.findByTestId('context-menu');
    expect(menu.querySelectorAll('[role="menuitem"]').length).toBeGreaterThan(2);
    const [copy] = menu.querySelectorAll('button');
    if (copy) await fireEvent.click(copy);
    expect(copied).toEqual([backend.data.orders[0]?.out_trade_no]);
    expect(screen.queryByTestId('context-menu')).toBeNull();
  });
});

describe('keys', () => {
  test('walk the list, open, close', { timeout: 20_000 }, async () => {
    const backend = await shown();
    await at('orders', 'order-row');
    await press('j');
    await vi.waitFor(() => expect(id('order-detail').dataset.id).toBe(backend.data.orders[0]?.out_trade_no));
    await press('ArrowDown');
    await vi.waitFor(() => expect(id('order-detail').dataset.id).toBe(backend.data.orders[1]?.out_trade_no));
    await press('k');
    await vi.waitFor(() => expect(id('order-detail').dataset.id).toBe(backend.data.orders[0]?.out_trade_no));
    await press('Escape');
    await vi.waitFor(() => expect(screen.queryByTestId('order-detail')).toBeNull());
    await press('n');
    await screen.findByTestId('new-order-form');
  });

  test('are letters where somebody types', { timeout: 20_000 }, async () => {
    await shown();
    await at('orders', 'order-search');
    await fireEvent.keyDown(id('order-search'), { key: 'n' });
    expect(screen.queryByTestId('new-order-form')).toBeNull();
  });

  test('the palette goes places and finds pasted numbers', { timeout: 20_000 }, async () => {
    const backend = await shown({ language: 'en' });
    await press('k', { ctrlKey: true });
    await fill('palette-input', 'callbacks');
    await fireEvent.keyDown(id('palette-input'), { key: 'Enter' });
    await screen.findByTestId('screen-callbacks');
    expect(screen.queryByTestId('palette')).toBeNull();
    await press('k', { ctrlKey: true });
    const no = backend.data.orders[3]?.out_trade_no ?? '';
    await fill('palette-input', ` ${no} `);
    await fireEvent.keyDown(id('palette-input'), { key: 'Enter' });
    expect((await screen.findByTestId('order-detail')).dataset.id).toBe(no);
  });
});
