import { describe, expect, test } from 'vitest';
import type { Callback, CallbackDossier } from '../backend/bindings';
import { compared } from './compare';
import { kindOf, retries, sourceKind, type Attempt } from './deliveries';
import { bytesOf, hexLines } from './hex';

describe('a delivery', () => {
  test.each([
    ['applied', null, 'real'],
    ['held', 'amount_matches', 'real'],
    ['rejected', 'probe', 'probe'],
    ['rejected', 'timestamp_stale', 'stale'],
    ['rejected', 'serial_unknown', 'unknown_serial'],
    ['rejected', 'signature_mismatch', 'forged'],
    ['rejected', 'header_missing', 'unsigned'],
    ['failed', 'resource_decrypts', 'undecryptable'],
    ['failed', null, 'ours'],
  ] as const)('%s %s is %s', (verdict, reason, kind) => expect(kindOf({ verdict, reason })).toBe(kind));

  test.each([
    ['127.0.0.1', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.31.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['fe80::1', 'private'],
    ['2001:db8::7', 'public'],
    ['101.226.103.1', 'public'],
    ['300.1.1.1', 'unknown'],
    ['<b>', 'unknown'],
  ])('%s is %s', (address, kind) => expect(sourceKind(address)).toBe(kind));
});

describe('the retries on the ladder', () => {
  const T0 = Date.parse('2026-11-24T10:00:00Z');
  const attempt = (seconds: number, status: number | null = 500): Attempt => ({ at: new Date(T0 + seconds * 1000).toISOString(), status, latency: 5 });
  const states = (steps: ReturnType<typeof retries>) => steps.map((step) => step.state[0]).join('');

  test.each([
    ['one yes', [attempt(0, 204)], 1, false, false, 'daaaaaaaaaaaaaaa'],
    ['two noes, then yes', [attempt(0), attempt(15), attempt(31, 204)], 40, false, false, 'ffdaaaaaaaaaaaaa'],
    ['one no, just now', [attempt(0)], 1, false, false, 'fnaaaaaaaaaaaaaa'],
    ['one no, an hour ago, and nobody listened', [attempt(0)], 3600, false, false, 'fmmmmmmnaaaaaaaa'],
    ['nobody listened in between', [attempt(0), attempt(242)], 250, false, false, 'fmmmfnaaaaaaaaaa'],
    ['sent twice at once', [attempt(0, 204), attempt(0.2, 204)], 1, false, false, 'deaaaaaaaaaaaaaaa'],
    ['the sandbox skips none', [attempt(0), attempt(3)], 4, true, false, 'ffnaaaaaaaaaaaaa'],
    ['given up', [attempt(0), attempt(15)], 99, true, true, 'ffaaaaaaaaaaaaaa'],
  ] as const)('%s', (_, attempts, now, certain, over, expected) => expect(states(retries([...attempts], T0 + now * 1000, certain, over))).toBe(expected));

  test('nothing came, nothing is drawn', () => expect(retries([], T0)).toEqual([]));
});

describe('two deliveries compared', () => {
  const row: Callback = { id: 'cb_1', notification_id: 'n', out_trade_no: 'A', event_type: 'TRANSACTION.SUCCESS', received_at: '2026-11-24T10:00:00+08:00', verdict: 'applied', http_status: 204, merchant: 'shop', latency_ms: 4, amount: 1250 };
  const dossier = (change: Partial<CallbackDossier>): CallbackDossier => ({
    ...row,
    headers: [
      ['Wechatpay-Nonce', 'a'],
      ['X-Twice', '1'],
      ['x-twice', '2'],
    ],
    body: '{"id":"n","resource":{"ciphertext":"x","nonce":"y"}}',
    body_base64: '',
    target: '/notify/shop',
    source: '127.0.0.1',
    checks: [],
    decrypted: { amount: { total: 1250 }, attach: '<b>', list: [1] },
    changed: [],
    ...change,
  });
  const find = (pairs: ReturnType<typeof compared>, path: string) => pairs.find((pair) => pair.path === path);

  test('what differs, what always differs, what is money', () => {
    const pairs = compared(dossier({}), dossier({ id: 'cb_2', verdict: 'held', headers: [['wechatpay-nonce', 'b']], body: '{"id":"n","resource":{"ciphertext":"z","nonce":"y"}}', decrypted: { amount: { total: 125 }, list: [1, 2] } }));
    expect(find(pairs, 'verdict')).toMatchObject({ left: 'applied', right: 'held', equal: false, volatile: false });
    expect(find(pairs, 'wechatpay-nonce')).toMatchObject({ equal: false, volatile: true });
    expect(find(pairs, 'x-twice #2')).toMatchObject({ left: '2', right: null });
    expect(find(pairs, 'resource.ciphertext')).toMatchObject({ equal: false, volatile: true });
    expect(find(pairs, 'resource.nonce')).toMatchObject({ equal: true });
    expect(find(pairs, 'amount.total')).toMatchObject({ left: '1250', right: '125', money: true });
    expect(find(pairs, 'attach')).toMatchObject({ left: '<b>', right: null, money: false });
    expect(find(pairs, 'list[1]')).toMatchObject({ left: null, right: '2' });
  });

  test('a body that is no JSON is compared whole', () => {
    const pairs = compared(dossier({ body: 'x' }), dossier({ body: 'y', decrypted: null }));
    expect(find(pairs, 'body')).toMatchObject({ left: 'x', right: 'y', equal: false });
  });
});

test('bytes as hex', () => {
  expect(hexLines(bytesOf(btoa('{"id":"n",\u0000\u00ff"x"}')))).toEqual([{ offset: '000000', hex: '7b 22 69 64 22 3a 22 6e  22 2c 00 ff 22 78 22 7d', text: '{"id":"n",··"x"}' }]);
  expect(hexLines(bytesOf('%%'))).toEqual([]);
  expect(hexLines(new Uint8Array(40), 1, 1)[0]?.offset).toBe('000010');
});
