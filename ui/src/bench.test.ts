import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import App from './App.svelte';
import { fake } from './backend/fake';
import Beside from './parts/Beside.svelte';

beforeEach(() => localStorage.clear());
afterEach(cleanup);

const id = (testid: string) => screen.getByTestId(testid);

async function at(nav: string, tab: string): Promise<void> {
  render(App, { backend: fake({ language: 'en' }) });
  await screen.findByTestId('app');
  await fireEvent.click(id(`nav-${nav}`));
  await fireEvent.click(await screen.findByTestId(`tab-${tab}`, {}, { timeout: 8000 }));
}

test('a pasted request is detected and diagnosed, and goes on to the playground', { timeout: 20_000 }, async () => {
  await at('signatures', 'doctor');
  expect(id('doctor-run')).toHaveProperty('disabled', true);
  await fireEvent.input(id('doctor-text'), { target: { value: 'GET /v3/certificates\nAuthorization: WECHATPAY2-SHA256-RSA2048 signature="c2ln"' } });
  expect(id('doctor-detected').dataset.kind).toBe('request');
  await fireEvent.click(id('doctor-run'));
  expect((await screen.findByTestId('doctor-cause')).textContent).toBe('body_line_missing');
  expect(screen.getAllByTestId('sign-line').map((line) => line.dataset.field)).toEqual(['method', 'url', 'timestamp', 'nonce', 'body']);

  await fireEvent.click(id('doctor-play'));
  expect((await screen.findByTestId<HTMLTextAreaElement>('play-signature')).value).toBe('c2ln');
  await vi.waitFor(() => expect(id('play-verdict').dataset.ok).toBe('true'), { timeout: 10_000 });
  await fireEvent.input(id('play-body'), { target: { value: '{}' } });
  await fireEvent.change(id('play-end-body'), { target: { value: 'none' } });
  await vi.waitFor(() => expect(id('play-verdict').dataset.ok).toBe('false'), { timeout: 10_000 });
});

test('a private key in the field is named and never sent', { timeout: 20_000 }, async () => {
  await at('signatures', 'doctor');
  await fireEvent.input(id('doctor-text'), { target: { value: '-----BEGIN PRIVATE KEY-----\nMII' } });
  expect(id('doctor-detected').textContent).toContain('private key');
  expect(id('doctor-run')).toHaveProperty('disabled', true);
});

test('the register shows every key', { timeout: 20_000 }, async () => {
  await at('signatures', 'keys');
  await screen.findAllByTestId('key-entry');
  expect(screen.getAllByTestId('key-entry').map((entry) => entry.dataset.kind)).toEqual(['merchant_key', 'merchant_certificate', 'platform_certificate', 'vault_key']);
});

test('an examination shows its cases as they finish and can be written down', { timeout: 20_000 }, async () => {
  await at('sandbox', 'certify');
  await fireEvent.input(id('certify-url'), { target: { value: 'http://127.0.0.1:8080/notify' } });
  await fireEvent.click(id('certify-start'));
  await vi.waitFor(() => expect(id('certify-score').dataset.finished).toBe('true'), { timeout: 10_000 });
  const failed = screen.getAllByTestId('certify-case').filter((item) => item.dataset.result === 'fail');
  expect(failed.map((item) => item.dataset.name)).toEqual(['forged_signature_refused']);
  await fireEvent.click(id('certify-save-html'));
  expect((await screen.findByTestId('certify-saved')).textContent).toContain('.html');
});

test('a Request-ID that nobody knows says so; its button is open all the same', { timeout: 20_000 }, async () => {
  await at('signatures', 'doctor');
  await fireEvent.input(id('doctor-text'), { target: { value: '08E6D3B2B10610A8031894D0' } });
  expect(id('doctor-run')).toHaveProperty('disabled', false);
  await fireEvent.click(id('doctor-run'));
  await vi.waitFor(() => expect(id('doctor-detected').textContent).toContain('No request known'), { timeout: 10_000 });
});

test('pointing at a line lights the field in the request, and back', { timeout: 20_000 }, async () => {
  await at('signatures', 'exchanges');
  await fireEvent.click((await screen.findAllByTestId('signature-row'))[0]!);
  const detail = await screen.findByTestId('signature-detail');
  await vi.waitFor(() => expect(detail.querySelector('[data-piece=nonce]')).not.toBeNull(), { timeout: 10_000 });
  const piece = detail.querySelector<HTMLElement>('[data-piece=nonce]')!;
  const line = detail.querySelector<HTMLElement>('[data-testid=sign-line][data-field=nonce]')!;
  await fireEvent.pointerEnter(line);
  expect(piece.classList.contains('lit')).toBe(true);
  await fireEvent.pointerLeave(line);
  expect(piece.classList.contains('lit')).toBe(false);
  await fireEvent.pointerEnter(piece);
  expect(line.classList.contains('lit')).toBe(true);
});

test('the key that a signature names stands out in the register', { timeout: 20_000 }, async () => {
  await at('signatures', 'exchanges');
  await fireEvent.click((await screen.findAllByTestId('signature-row'))[0]!);
  await fireEvent.click(await screen.findByTestId('show-key'));
  await vi.waitFor(() => expect(screen.getAllByTestId('key-entry').some((entry) => entry.dataset.wanted === 'true')).toBe(true), { timeout: 10_000 });
});

test('the migration is rehearsed', { timeout: 20_000 }, async () => {
  await at('signatures', 'migration');
  await fireEvent.click(id('rehearse'));
  expect((await screen.findByTestId('rehearsal-verdict')).textContent).toContain('every step goes through');
  const setups = screen.getAllByTestId('rehearsed-setup');
  expect(setups.map((setup) => `${setup.dataset.setup} ${setup.dataset.ok}`)).toEqual(['certificates false', 'both true']);
});

test('both texts after a refused signature, and where they part', () => {
  const line = (field: string, ours: string, theirs: string) => ({ field, ours, theirs, same: ours === theirs });
  const lines = [line('method', 'GET', 'GET'), line('url', 'https://h/v3/a', '/v3/a'), line('body', '', '')];
  render(Beside, { beside: { lines, ours_length: 90, theirs_length: 81, parts_at: 'url', said: { zh: '在 url 分开', en: 'They part in url' } } });
  expect(id('beside').dataset.partsAt).toBe('url');
  const rows = [...id('beside').querySelectorAll('tbody tr')];
  expect(rows.map((row) => row.classList.contains('apart'))).toEqual([false, true, false, true]);
  expect(id('beside').textContent).toContain('https://h/v3/a');
});
