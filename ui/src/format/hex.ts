// Bytes as a hex dump: offset, sixteen bytes, and what is printable of them.

export interface HexLine {
  offset: string;
  hex: string;
  text: string;
}

/** The bytes behind base64; empty if it is none. */
export function bytesOf(base64: string): Uint8Array {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}

/** Lines from `from` on, at most `count`. */
export function hexLines(bytes: Uint8Array, from = 0, count = Infinity): HexLine[] {
  const lines: HexLine[] = [];
  for (let at = from * 16; at < bytes.length && lines.length < count; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const pairs = row.map((byte) => byte.toString(16).padStart(2, '0'));
    lines.push({
      offset: at.toString(16).padStart(6, '0'),
      hex: `${pairs.slice(0, 8).join(' ')}  ${pairs.slice(8).join(' ')}`.trimEnd(),
      text: row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·')).join(''),
    });
  }
  return lines;
}
