// What was pasted at the doctor: a cURL command, a raw HTTP request, headers with a body, pay parameters, an error body,
// or a key. Told apart by shape and taken apart byte for byte; nothing here judges a signature.

export type PastedKind = 'request' | 'notification' | 'pay_params';

export interface PastedRequest {
  kind: 'request';
  method: string;
  url: string;
  authorization: string;
  body: string;
}

export interface PastedNotification {
  kind: 'notification';
  headers: [string, string][];
  body: string;
}

export interface PastedPayParams {
  kind: 'pay_params';
  params: string;
  /** The keys are those of the App SDK. */
  app: boolean;
  appid: string | null;
}

/** Something that can't be diagnosed, and what it is. */
export interface PastedOther {
  kind: 'other';
  what: 'empty' | 'private_key' | 'certificate' | 'error_body' | 'request_id' | 'authorization' | 'binary' | 'unknown';
}

export type Pasted = PastedRequest | PastedNotification | PastedPayParams | PastedOther;

const VERBS = 'GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS';

/** Words of a POSIX shell: quotes, `$'…'`, backslashes and continued lines. Good for what browsers and tools copy. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if (c === "'" || (c === '$' && text[i + 1] === "'")) {
      const ansi = c === '$';
      if (ansi) i++;
      word ??= '';
      for (i++; i < text.length && text[i] !== "'"; i++) {
        if (!ansi || text[i] !== '\\') word += text[i];
        else word += escaped(text[++i] ?? '', () => {
            const hex = /^[0-9a-fA-F]{1,4}/.exec(text.slice(i + 1))?.[0] ?? '';
            i += hex.length;
            return hex;
          });
      }
    } else if (c === '"') {
      word ??= '';
      for (i++; i < text.length && text[i] !== '"'; i++) {
        if (text[i] === '\\' && '"\\$`\n'.includes(text[i + 1] ?? ' ')) {
          i++;
          if (text[i] !== '\n') word += text[i];
        } else word += text[i];
      }
    } else if (c === '\\' || (c === '^' && /[\r\n]/.test(text[i + 1] ?? ''))) {
      // A continued line, of a shell or of Windows' cmd; else the character itself.
      if (text[i + 1] === '\r') i++;
      if (text[i + 1] === '\n') i++;
      else word = (word ?? '') + (text[++i] ?? '');
    } else if (/\s/.test(c)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + c;
  }
  if (word !== null) words.push(word);
  return words;
}

function escaped(c: string, hex: () => string): string {
  const plain = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', '0': '\0' }[c];
  if (plain !== undefined) return plain;
  if (c === 'u' || c === 'x') return String.fromCharCode(parseInt(hex(), 16) || 0);
  return c;
}

const BODY_FLAGS = ['-d', '--data', '--data-raw', '--data-binary', '--data-ascii', '--json'];
/** Options of cURL that take a word we don't want. */
const OTHER_FLAGS = ['-A', '--user-agent', '-b', '--cookie', '-e', '--referer', '-o', '--output', '-x', '--proxy', '--cacert', '--cert', '--key', '-u', '--user', '--max-time', '-m', '--connect-timeout', '-w', '--write-out', '--resolve', '-F', '--form'];

function ofCurl(text: string): PastedRequest {
  const [, ...words] = shellWords(text);
  let method: string | null = null;
  let url = '';
  let body: string | null = null;
  let get = false;
  const headers: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!;
    let inline: string | null = null;
    const long = /^(--[\w-]+)=([\s\S]*)$/.exec(word);
    const short = /^(-[XHd])([\s\S]+)$/.exec(word);
    if (long) [word, inline] = [long[1]!, long[2]!];
    else if (short) [word, inline] = [short[1]!, short[2]!];
    const value = () => inline ?? words[++i] ?? '';
    if (word === '-X' || word === '--request') method = value();
    else if (word === '--data-urlencode') {
      // What a shell would encode stands encoded in the request: only the plain form can be told from here.
      const raw = value();
      const at = raw.indexOf('=');
      const encoded = at === -1 ? encodeURIComponent(raw) : raw.slice(0, at + 1) + encodeURIComponent(raw.slice(at + 1));
      body = body === null ? encoded : `${body}&${encoded}`;
    }
    else if (word === '-H' || word === '--header') headers.push(headerOf(value()));
    else if (word === '--url') url = value();
    else if (BODY_FLAGS.includes(word)) body = body === null ? value() : `${body}&${value()}`;
    else if (word === '-G' || word === '--get') get = true;
    else if (word === '-I' || word === '--head') method = 'HEAD';
    else if (OTHER_FLAGS.includes(word)) value();
    else if (!word.startsWith('-') && url === '') url = word;
  }
  if (get && body !== null) {
    url += (url.includes('?') ? '&' : '?') + body;
    body = null;
  }
  return { kind: 'request', method: method ?? (body === null ? 'GET' : 'POST'), url, authorization: find(headers, 'authorization') ?? '', body: body ?? '' };
}

function headerOf(line: string): [string, string] {
  const at = line.indexOf(':');
  return at === -1 ? [line.trim(), ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

const find = (headers: [string, string][], name: string): string | undefined => headers.find(([key]) => key.toLowerCase() === name)?.[1];

/** Head and body are parted by the first empty line; a body has all bytes after it. */
function parted(text: string): { first: string | null; headers: [string, string][]; body: string } {
  const split = /\r?\n[ \t]*\r?\n/.exec(text);
  const head = (split ? text.slice(0, split.index) : text).split(/\r?\n/);
  const starts = new RegExp(`^(?:(?:${VERBS})\\s+\\S+|HTTP/[\\d.]+ )`).test(head[0] ?? '');
  let body = split ? text.slice(split.index + split[0].length) : '';
  let lines = starts ? head.slice(1) : head;
  if (!split) {
    // Headers with the body right below, without an empty line.
    const at = lines.findIndex((line) => /^\s*[{[<]/.test(line));
    if (at > 0) {
      body = lines.slice(at).join('\n');
      lines = lines.slice(0, at);
    }
  }
  return { first: starts ? (head[0] ?? '') : null, headers: lines.filter((line) => /^[\w-]+\s*:/.test(line)).map(headerOf), body };
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const PAY_KEYS = ['paysign', 'package', 'prepayid', 'noncestr'];

function ofJson(text: string, value: Record<string, unknown>): Pasted | null {
  const keys = Object.keys(value).map((key) => key.toLowerCase());
  if (PAY_KEYS.filter((key) => keys.includes(key)).length >= 2) {
    const named = (wanted: string) => Object.entries(value).find(([key, inner]) => key.toLowerCase() === wanted && typeof inner === 'string')?.[1] as string | undefined;
    return { kind: 'pay_params', params: text, app: keys.includes('prepayid') || keys.includes('partnerid'), appid: named('appid') ?? null };
  }
  // A delivery as it is kept or logged: {"headers": {...}, "body": "..."}
  if (keys.includes('headers') && keys.includes('body')) {
    const raw = value.headers ?? value.Headers;
    const headers = Array.isArray(raw) ? raw.filter((pair): pair is [string, string] => Array.isArray(pair) && pair.length === 2).map(([name, inner]): [string, string] => [String(name), String(inner)]) : Object.entries((raw ?? {}) as Record<string, unknown>).map(([name, inner]): [string, string] => [name, String(Array.isArray(inner) ? inner[0] : inner)]);
    const body = value.body ?? value.Body;
    return { kind: 'notification', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
  }
  if (keys.includes('code') && keys.includes('message')) return { kind: 'other', what: 'error_body' };
  if (keys.includes('resource') && keys.includes('event_type')) return { kind: 'notification', headers: [], body: text };
  return null;
}

/** Takes apart what was pasted; `{ kind: 'other' }` says what it is when it can't be diagnosed. */
export function pasted(text: string): Pasted {
  const trimmed = text.trim();
  if (trimmed === '') return { kind: 'other', what: 'empty' };
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(trimmed)) return { kind: 'other', what: 'private_key' };
  if (/^-----BEGIN /.test(trimmed)) return { kind: 'other', what: 'certificate' };
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000e-\u001a]/.test(trimmed.slice(0, 4096))) return { kind: 'other', what: 'binary' };
  if (/^(\$\s*)?curl(\.exe)?\s/.test(trimmed)) return ofCurl(trimmed.replace(/^\$\s*/, ''));
  if (trimmed.startsWith('{')) {
    const value = json(trimmed);
    const read = value !== null && typeof value === 'object' ? ofJson(trimmed, value as Record<string, unknown>) : null;
    if (read) return read;
    // Pay parameters as they stand in code: keys without quotes, single quotes, a comma at the end.
    const loose = json(trimmed.replace(/'/g, '"').replace(/([{,]\s*)(\w+)\s*:/g, '$1"$2":').replace(/,\s*}/g, '}'));
    const again = loose !== null && typeof loose === 'object' ? ofJson(JSON.stringify(loose), loose as Record<string, unknown>) : null;
    return again ?? { kind: 'other', what: 'unknown' };
  }
  // Leading blank lines are the paste's; the end may be the body's.
  const whole = text.replace(/^\s+/, '');
  const { first, headers, body } = parted(whole);
  if (find(headers, 'wechatpay-signature') !== undefined || headers.some(([name]) => /^wechatpay-/i.test(name))) return { kind: 'notification', headers, body };
  const line = new RegExp(`^(${VERBS})\\s+(\\S+)`, 'i').exec(first ?? '');
  if (line) return { kind: 'request', method: line[1]!, url: line[2]!, authorization: find(headers, 'authorization') ?? '', body };
  if (/^(authorization\s*:\s*)?WECHATPAY2-/i.test(trimmed)) return { kind: 'other', what: 'authorization' };
  if (/^[0-9A-Za-z-]{16,64}$/.test(trimmed)) return { kind: 'other', what: 'request_id' };
  return { kind: 'other', what: 'unknown' };
}

/** The same text when somebody says that it is a notification: whatever stands where headers stand, and a body. */
export function asNotification(text: string): PastedNotification {
  const found = pasted(text);
  if (found.kind === 'notification') return found;
  const { headers, body } = parted(text.replace(/^\s+/, ''));
  return { kind: 'notification', headers, body: headers.length === 0 && body === '' ? text : body };
}

/** A raw HTTP request, for filling the doctor from one that is kept. */
export function rawRequest(method: string, url: string, headers: [string, string][], body: string): string {
  return `${method} ${url}\n${headers.map(([name, value]) => `${name}: ${value}`).join('\n')}\n\n${body}`;
}
