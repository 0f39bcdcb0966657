// Text from outside made safe to look at: control, direction and invisible characters get a visible stand-in.

/** A run of text, or one character that would not be seen as what it is. */
export interface Run {
  text: string;
  /** `U+202E`, where the run stands for a character that would not be seen. */
  odd?: string;
  /** Its short name: `RLO`, `LF`. */
  name?: string;
}

const C0 = 'NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US'.split(' ');

const NAMES: Record<number, string> = {
  0x007f: 'DEL',
  0x00a0: 'NBSP',
  0x00ad: 'SHY',
  0x061c: 'ALM',
  0x200b: 'ZWSP',
  0x200c: 'ZWNJ',
  0x200d: 'ZWJ',
  0x200e: 'LRM',
  0x200f: 'RLM',
  0x2028: 'LS',
  0x2029: 'PS',
  0x202a: 'LRE',
  0x202b: 'RLE',
  0x202c: 'PDF',
  0x202d: 'LRO',
  0x202e: 'RLO',
  0x2060: 'WJ',
  0x2066: 'LRI',
  0x2067: 'RLI',
  0x2068: 'FSI',
  0x2069: 'PDI',
  0xfeff: 'BOM',
};

const ODD = /[\u0000-\u001f\u007f-\u00a0\u00ad\u061c\u115f\u1160\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/u;
const EACH = new RegExp(ODD.source, 'gu');

function standIn(character: string): Run {
  const code = character.codePointAt(0) ?? 0;
  const point = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  const name = C0[code] ?? NAMES[code] ?? point;
  return { text: code < 0x20 ? String.fromCodePoint(0x2400 + code) : code === 0x7f ? '\u2421' : `⟦${name}⟧`, odd: point, name };
}

/** The text as runs. `keep` names characters that are wanted as they are (line ends in a body). */
export function runs(text: string, keep = ''): Run[] {
  if (!ODD.test(text)) return text === '' ? [] : [{ text }];
  const out: Run[] = [];
  let from = 0;
  for (const match of text.matchAll(EACH)) {
    if (keep.includes(match[0])) continue;
    if (match.index > from) out.push({ text: text.slice(from, match.index) });
    out.push(standIn(match[0]));
    from = match.index + match[0].length;
  }
  if (from < text.length) out.push({ text: text.slice(from) });
  return out;
}

/** The text as one string, for titles and the clipboard's label. */
export function visible(text: string): string {
  return runs(text)
    .map((run) => run.text)
    .join('');
}
