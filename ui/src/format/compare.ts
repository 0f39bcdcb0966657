// Two deliveries side by side: fields by path, which differ, and which differ in every delivery anyway.

import type { CallbackDossier, Value } from '../backend/bindings';

export type Section = 'row' | 'headers' | 'envelope' | 'decrypted';

export interface Pair {
  section: Section;
  path: string;
  left: string | null;
  right: string | null;
  equal: boolean;
  /** It is another one in every delivery: time, nonce, signature, ciphertext. */
  volatile: boolean;
  /** The values are money in fen. */
  money: boolean;
}

const VOLATILE_HEADERS = new Set(['wechatpay-timestamp', 'wechatpay-nonce', 'wechatpay-signature', 'date', 'request-id', 'content-length', 'x-request-id', 'cf-ray', 'x-forwarded-for']);
const VOLATILE_FIELDS = new Set(['id', 'received_at', 'latency_ms', 'create_time', 'resource.ciphertext', 'resource.nonce', 'first_id']);
const ROW = ['id', 'received_at', 'verdict', 'reason', 'http_status', 'latency_ms', 'notification_id', 'event_type', 'out_trade_no', 'amount', 'source', 'target'] as const;
const MONEY = /(^|[._])(total|payer_total|refund|payer_refund|amount|settlement_refund|settlement_total|discount_refund|cash_total|wechatpay_contribute|merchant_contribute|other_contribute|coupon_total)$/;

const shown = (value: unknown): string | null => (value === undefined || value === null ? null : typeof value === 'object' ? JSON.stringify(value) : String(value));

/** Leaves of a JSON value by path, in its own order. */
export function leaves(value: Value, path = '', out: [string, string, boolean][] = []): [string, string, boolean][] {
  if (value !== null && typeof value === 'object') {
    const entries = Array.isArray(value) ? value.map((item, i) => [`[${i}]`, item] as const) : Object.entries(value);
    if (entries.length === 0) out.push([path, Array.isArray(value) ? '[]' : '{}', false]);
    for (const [name, item] of entries) leaves(item, name.startsWith('[') && Array.isArray(value) ? `${path}${name}` : path === '' ? name : `${path}.${name}`, out);
  } else out.push([path, value === null ? 'null' : String(value), typeof value === 'number']);
  return out;
}

function parsed(body: string): Value | null {
  try {
    return JSON.parse(body) as Value;
  } catch {
    return null;
  }
}

function joined(section: Section, left: [string, string | null, boolean][], right: [string, string | null, boolean][]): Pair[] {
  const [ours, theirs] = [new Map(left.map(([path, value]) => [path, value])), new Map(right.map(([path, value]) => [path, value]))];
  const numbers = new Set([...left, ...right].filter(([, , number]) => number).map(([path]) => path));
  const paths = [...new Set([...ours.keys(), ...theirs.keys()])];
  return paths.map((path) => {
    const [a, b] = [ours.get(path) ?? null, theirs.get(path) ?? null];
    const volatile = section === 'headers' ? VOLATILE_HEADERS.has(path.replace(/ #\d+$/, '').toLowerCase()) : section !== 'decrypted' && VOLATILE_FIELDS.has(path) && !(section === 'envelope' && path === 'id');
    return { section, path, left: a, right: b, equal: a === b, volatile, money: numbers.has(path) && MONEY.test(path) };
  });
}

/** A header that is there twice keeps both: `Name #2`. Names are compared without case. */
function headers(of: [string, string][]): [string, string, boolean][] {
  const seen = new Map<string, number>();
  return of.map(([name, value]) => {
    const key = name.toLowerCase();
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return [count === 1 ? key : `${key} #${count}`, value, false];
  });
}

/** All fields of both, in order. */
export function compared(left: CallbackDossier, right: CallbackDossier): Pair[] {
  const row = (of: CallbackDossier): [string, string | null, boolean][] => ROW.map((name) => [name, shown(of[name]), name === 'amount']);
  const envelope = (of: CallbackDossier): [string, string | null, boolean][] => {
    const value = parsed(of.body);
    return value === null ? [['body', of.body, false]] : leaves(value);
  };
  const opened = (of: CallbackDossier): [string, string | null, boolean][] => (of.decrypted === null ? [] : leaves(of.decrypted));
  return [...joined('row', row(left), row(right)), ...joined('headers', headers(left.headers), headers(right.headers)), ...joined('envelope', envelope(left), envelope(right)), ...joined('decrypted', opened(left), opened(right))];
}
