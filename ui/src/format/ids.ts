// Ids: cut in the middle for the eye, whole for the clipboard; serials in hex and decimal; what a pasted text may be.

/** `wx201410272009395522657a69…` → `wx20141…2657a690`: head and tail stay. */
export function cut(id: string, length = 18): string {
  if (id.length <= length) return id;
  const tail = Math.floor((length - 1) / 2);
  return `${id.slice(0, length - 1 - tail)}…${id.slice(-tail)}`;
}

/** A certificate serial in decimal, as some tools print it; null where it is none. */
export function decimal(serial: string): string | null {
  return /^[0-9a-f]{1,64}$/i.test(serial) ? BigInt(`0x${serial}`).toString(10) : null;
}

/** What a pasted text may be looked up as. */
export type IdKind = 'transaction_id' | 'out_trade_no';

/** Guesses; the text is looked up as each. Nothing for what can be no id. */
export function idKinds(text: string): IdKind[] {
  const id = text.trim();
  if (!/^[\w\-|*@]{6,64}$/.test(id)) return [];
  const kinds: IdKind[] = [];
  if (/^\d{28}$/.test(id)) kinds.push('transaction_id');
  if (id.length <= 32) kinds.push('out_trade_no');
  return kinds;
}
