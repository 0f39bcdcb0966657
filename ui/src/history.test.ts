import { cleanup, fireEvent, render, screen, within } from '@testing-library/svelte';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import App from './App.svelte';
import { fake, type FakeBackend } from './backend/fake';

beforeEach(() => localStorage.clear());
afterEach(cleanup);

const id = (testid: string) => screen.getByTestId(testid);
const all = (testid: string) => screen.queryAllByTestId(testid);
const press = (key: string) => fireEvent.keyDown(document.body, { key });

async function callbacks(prepare: (backend: FakeBackend) => void = () => {}): Promise<FakeBackend> {
  const backend = fake({ language: 'en' });
  prepare(backend);
  render(App, { backend });
  await screen.findByTestId('app');
  await fireEvent.click(id('nav-callbacks'));
  await screen.findAllByTestId('callback-row', {}, { timeout: 8000 });
  return backend;
}

describe('the history of callbacks', () => {
  test('is filtered by verdicts, words and causes, and unfiltered again', { timeout: 20_000 }, async () => {
    await callbacks();
    const verdicts = () => [...new Set(all('callback-row').map((row) => row.dataset.verdict))].sort();
    await fireEvent.click(id('filter-held'));
    await vi.waitFor(() => expect(verdicts()).toEqual(['held']));
    await fireEvent.click(id('filter-failed'));
    await vi.waitFor(() => expect(verdicts()).toEqual(['failed', 'held']));
    await fireEvent.click(id('view-causes'));
    const cause = (await screen.findAllByTestId('callback-cause')).find((it) => it.dataset.reason === 'probe');
    if (!cause) throw new Error('there are probes');
    await fireEvent.click(cause);
    await vi.waitFor(() => expect(verdicts()).toEqual(['rejected']));
    expect(id('filter-chip').textContent).toContain('signature probe');
    await fireEvent.click(id('filter-chip'));
    await fireEvent.click(id('filter-rejected'));
    await vi.waitFor(() => expect(verdicts().length).toBeGreaterThan(2));
    await fireEvent.input(id('callback-search'), { target: { value: 'no such words' } });
    await vi.waitFor(() => expect(all('callback-row')).toHaveLength(0));
  });

  test('folds duplicates under the first', { timeout: 20_000 }, async () => {
    await callbacks();
    expect(all('callback-row').some((row) => row.dataset.verdict === 'duplicate')).toBe(true);
    await fireEvent.click(id('fold'));
    await vi.waitFor(() => expect(all('callback-row').some((row) => row.dataset.verdict === 'duplicate')).toBe(false));
    expect(all('callback-row').some((row) => /\+\d/.test(row.textContent ?? ''))).toBe(true);
  });

  test('is drawn in lanes; a mark opens its delivery, the retries stand on the ladder', { timeout: 20_000 }, async () => {
    await callbacks();
    await press('v');
    await screen.findByTestId('callback-lanes');
    const lane = all('callback-lane').find((it) => it.querySelectorAll('[data-verdict="failed"]').length > 3);
    if (!lane) throw new Error('one was tried again and again');
    expect([...lane.querySelectorAll<HTMLElement>('[data-testid="lane-mark"]')].map((mark) => mark.dataset.verdict).filter((it) => it !== 'duplicate')).toEqual(['failed', 'failed', 'failed', 'failed', 'failed', 'applied']);
    const mark = within(lane).getAllByTestId('lane-mark')[1];
    if (mark) await fireEvent.click(mark);
    await screen.findByTestId('callback-detail');
    expect(id('callback-kind').dataset.kind).toBe('undecryptable');
    expect(id('callback-detail').dataset.id).toBe(mark?.dataset.id);
    await fireEvent.click(id('tab-retries'));
    expect((await screen.findAllByTestId('retry-step')).length).toBeGreaterThanOrEqual(16);
  });

  test('two are compared by keys', { timeout: 20_000 }, async () => {
    await callbacks();
    const rows = all('callback-row');
    for (const row of rows.slice(1, 3)) {
      await fireEvent.click(row);
      await vi.waitFor(() => expect(id('callback-detail').dataset.id).toBe(row.dataset.id));
      if (row === rows[1]) await press('m');
    }
    await press('c');
    await screen.findByTestId('compare');
    expect(id('compare-sum').textContent).toMatch(/\d+ difference/);
    const shown = all('compare-pair').map((pair) => pair.dataset.path);
    expect(shown).toContain('wechatpay-signature');
    expect(shown).not.toContain('wechatpay-serial');
    const fold = all('compare-fold')[1];
    if (fold) await fireEvent.click(fold);
    expect(all('compare-pair').map((pair) => pair.dataset.path)).toContain('wechatpay-serial');
    await press('Escape');
    await screen.findByTestId('callback-detail');
  });
});

describe('hostile text is text', () => {
  const HOSTILE = ['<img src=x onerror="globalThis.pwned=1">', '</title><script>globalThis.pwned=1</script>', '\u202eGNP.exe', 'a\u0000b\u001b[2Jc', '\u2066hidden\u2069\u200b', '{{constructor.constructor("globalThis.pwned=1")()}}', 'javascript:globalThis.pwned=1'];
  const RAW = /[\u0000-\u0008\u000e-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/;

  function harmless(where: string) {
    expect(document.querySelector('.detail img, .detail script, [onerror], iframe, object, .list img, .compare img, .causes img, .chips img'), where).toBeNull();
    expect(RAW.test(document.body.textContent ?? ''), `${where}: ${JSON.stringify(RAW.exec(document.body.textContent ?? ''))}`).toBe(false);
    for (const element of document.body.querySelectorAll('[title], [aria-label]')) expect(RAW.test(`${element.getAttribute('title')}${element.getAttribute('aria-label')}`), `${where}: ${element.className}`).toBe(false);
    expect(document.querySelector('a[href^="javascript"]'), where).toBeNull();
    expect((globalThis as { pwned?: number }).pwned, where).toBeUndefined();
  }

  test.each(HOSTILE)('%j', { timeout: 20_000 }, async (text) => {
    await callbacks(({ data }) => {
      data.callbacks = data.callbacks.slice(0, 6).map((it, i) => ({
        ...it,
        out_trade_no: text,
        notification_id: `${text}${i % 2}`,
        event_type: text,
        reason: text,
        verdict: i % 2 ? 'held' : 'rejected',
        source: text,
        target: text,
        headers: [
          [text, text],
          ['X-Forwarded-For', text],
        ],
        body: text,
        body_base64: '',
        decrypted: { [text]: text, amount: { total: 1 }, list: [text] },
        checks: [{ name: text, ok: false, detail: text }],
        why: { zh: text, en: text },
        fix: { zh: text, en: text },
        changed: [text],
      }));
    });
    harmless('list');
    await fireEvent.click(all('callback-row')[0]!);
    await screen.findByTestId('callback-detail');
    harmless('checks');
    for (const tab of ['raw', 'retries', 'signed']) {
      await fireEvent.click(id(`tab-${tab}`));
      harmless(tab);
    }
    await press('m');
    await fireEvent.click(all('callback-row')[1]!);
    await vi.waitFor(() => expect(id('callback-detail').dataset.id).toBe(all('callback-row')[1]?.dataset.id));
    await press('c');
    await screen.findByTestId('compare');
    for (const fold of all('compare-fold')) await fireEvent.click(fold);
    harmless('compare');
    await fireEvent.click(id('view-lanes'));
    await screen.findByTestId('callback-lanes');
    harmless('lanes');
    await fireEvent.click(id('view-causes'));
    await screen.findAllByTestId('callback-cause');
    harmless('causes');
    await fireEvent.click(all('callback-cause')[0]!);
    await vi.waitFor(() => expect(all('filter-chip').length).toBeGreaterThan(0));
    harmless('chips');
  });
});
