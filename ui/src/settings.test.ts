import { cleanup, fireEvent, render, screen } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import App from './App.svelte';
import { fake, type FakeOptions } from './backend/fake';

beforeEach(() => localStorage.clear());
afterEach(cleanup);

const id = (testid: string) => screen.getByTestId(testid);

async function settings(options: FakeOptions = {}) {
  const backend = fake(options);
  render(App, { backend });
  await screen.findByTestId('app');
  await fireEvent.click(id('nav-settings'));
  await screen.findByTestId('settings-tunnel', {}, { timeout: 30_000 });
  return backend;
}

describe('the tunnel’s card', { timeout: 60_000 }, () => {
  test('shows what the preset needs, how it stands, and what was proved', async () => {
    await settings({ language: 'en' });
    expect(id('tunnel-state').textContent).toContain('off');
    expect(screen.queryByTestId('tunnel-ssh-to')).toBeNull();
    await fireEvent.click(id('tunnel-preset-ssh'));
    await fireEvent.submit(id('tunnel-ssh-to').closest('form')!);
    expect((await screen.findByTestId('tunnel-problem')).textContent).toContain('ssh_to');
    expect(id('tunnel-ssh-to').getAttribute('aria-invalid')).toBe('true');
    await fireEvent.click(id('tunnel-preset-cloudflared'));
    await fireEvent.click(id('tunnel-start'));
    await vi.waitFor(() => expect(id('tunnel-state').dataset.state).toBe('up'));
    expect(id('tunnel-state').textContent).toContain('123 ms');
    expect(id('tunnel-proof').dataset.outcome).toBe('proved');
    expect(id('tunnel-log').textContent).toContain('cloudflared');
    await fireEvent.click(id('tunnel-stop'));
    await vi.waitFor(() => expect(id('tunnel-state').dataset.state).toBe('off'));
  });

  test('names what never arrived, in the language of the window', async () => {
    await settings({ language: 'zh' });
    await fireEvent.click(id('tunnel-preset-custom'));
    await fireEvent.input(id('tunnel-command'), { target: { value: 'fail' } });
    await fireEvent.click(id('tunnel-start'));
    await vi.waitFor(() => expect(id('tunnel-state').textContent).toContain('不通'));
    expect(id('tunnel-proof').textContent).toMatch(/从未到达.*检查域名/s);
  });
});

describe('the shop', { timeout: 60_000 }, () => {
  test('has one button while it is empty, and echoes the fen', async () => {
    const backend = fake({ language: 'en' });
    for (const entry of (await backend.commands.catalogList()).items) await backend.commands.catalogRemove(entry.id);
    render(App, { backend });
    await screen.findByTestId('app');
    await fireEvent.click(id('nav-settings'));
    await fireEvent.click(await screen.findByTestId('catalog-new', {}, { timeout: 30_000 }));
    await fireEvent.submit(id('catalog-form'));
    expect(id('catalog-error').textContent).toMatch(/letters.*characters.*price/s);
    await fireEvent.input(id('catalog-id'), { target: { value: 'data-30g' } });
    await fireEvent.input(id('catalog-name'), { target: { value: '30 GB' } });
    await fireEvent.input(id('catalog-price'), { target: { value: '29.9' } });
    expect(id('catalog-fen').textContent).toBe('2,990 fen');
    await fireEvent.submit(id('catalog-form'));
    expect((await screen.findByTestId('catalog-row')).dataset.price).toBe('2990');
  });
});

describe('key files', { timeout: 60_000 }, () => {
  const pem = (kind: string, body: string) => `-----BEGIN ${kind}-----\n${body}\n-----END ${kind}-----`;

  test.each([
    ['of one set', 'MIIE', 'true', /belongs to the merchant certificate/],
    ['of two sets', 'OTHER', 'false', /belongs to no merchant certificate/],
  ])('%s are judged when they are chosen', async (_name, body, ok, said) => {
    await settings({ language: 'en' });
    await fireEvent.click(id('add-merchant'));
    const files = [new File([pem('PRIVATE KEY', body)], 'apiclient_key.pem'), new File([pem('CERTIFICATE', 'MIID')], 'apiclient_cert.pem')];
    await fireEvent.change(id('merchant-files'), { target: { files } });
    expect((await screen.findByTestId('merchant-together')).dataset.ok).toBe(ok);
    expect(id('merchant-together').textContent).toMatch(said);
    expect((id('merchant-mchid') as HTMLInputElement).value).toBe('1900000001');
  });
});
