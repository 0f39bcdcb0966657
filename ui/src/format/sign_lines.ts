// A string to sign as lines with names, and back to the text: the line ends are part of what is signed.

export type Shape = 'request' | 'answer' | 'jsapi' | 'app';

/** The fields of each kind of text, in order. */
export const FIELDS: Record<Shape, string[]> = {
  request: ['method', 'url', 'timestamp', 'nonce', 'body'],
  answer: ['timestamp', 'nonce', 'body'],
  jsapi: ['appid', 'timestamp', 'nonce', 'package'],
  app: ['appid', 'timestamp', 'nonce', 'prepay_id'],
};

export type LineEnd = 'lf' | 'crlf' | 'none';

export interface Line {
  field: string;
  text: string;
  end: LineEnd;
}

const ENDS: Record<LineEnd, string> = { lf: '\n', crlf: '\r\n', none: '' };
const encoder = new TextEncoder();

/** The text with its line ends. */
export const ended = (lines: Line[]): string => lines.map((line) => line.text + ENDS[line.end]).join('');

/** Bytes of a line with its end. */
export const bytesOf = (line: Line): number => encoder.encode(line.text + ENDS[line.end]).length;

/** A text as lines; the last field takes the rest, for a body has line ends of its own. */
export function parted(text: string, fields: string[]): Line[] {
  const lines: Line[] = [];
  let rest = text;
  fields.forEach((field, i) => {
    const last = i === fields.length - 1;
    const at = last ? (rest.endsWith('\n') ? rest.length - 1 : -1) : rest.indexOf('\n');
    const whole = at === -1 ? rest : rest.slice(0, at);
    const crlf = at !== -1 && whole.endsWith('\r');
    lines.push({ field, text: crlf ? whole.slice(0, -1) : whole, end: at === -1 ? 'none' : crlf ? 'crlf' : 'lf' });
    rest = at === -1 ? '' : rest.slice(at + 1);
  });
  return lines;
}
