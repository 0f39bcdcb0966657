// A header's value in pieces, each with the field of the signed text or of the signature that it carries.

export interface Piece {
  text: string;
  /** `nonce`, `timestamp`, `serial`, `signature`, `mchid`; null for what stands between. */
  field: string | null;
}

const ITEMS: Record<string, string> = { mchid: 'mchid', nonce_str: 'nonce', timestamp: 'timestamp', serial_no: 'serial', signature: 'signature' };
const WHOLE: Record<string, string> = { 'wechatpay-timestamp': 'timestamp', 'wechatpay-nonce': 'nonce', 'wechatpay-serial': 'serial', 'wechatpay-signature': 'signature' };

/** `Authorization` falls into its items, a `Wechatpay-*` header is one piece; every character is in exactly one. */
export function pieces(name: string, value: string): Piece[] {
  const lower = name.toLowerCase();
  const whole = Object.hasOwn(WHOLE, lower) ? WHOLE[lower]! : null;
  if (whole !== null) return [{ text: value, field: whole }];
  if (lower !== 'authorization') return [{ text: value, field: null }];
  const found: Piece[] = [];
  let end = 0;
  for (const item of value.matchAll(/\b(mchid|nonce_str|timestamp|serial_no|signature)="[^"]*"/g)) {
    if (item.index > end) found.push({ text: value.slice(end, item.index), field: null });
    found.push({ text: item[0], field: ITEMS[item[1]!] ?? null });
    end = item.index + item[0].length;
  }
  if (end < value.length) found.push({ text: value.slice(end), field: null });
  return found;
}
