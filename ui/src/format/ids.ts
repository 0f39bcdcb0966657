// Ids: cut in the middle for the eye, whole for the clipboard; serials in hex and decimal.

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
