// What a check measured and the journal noted comes from the program in one language; here it is said in Chinese. A
// sentence that isn't known stays as it came.

import { money } from '../format/money';
import { words } from './words.svelte';

type Saying = [RegExp, (...parts: string[]) => string];

const state = (code: string) => words.of(words.t.state, code);
const fen = (text: string) => money(Number(text));

const CHINESE: Saying[] = [
  [/^SHA256-RSA over (\d+) bytes$/, (bytes) => `SHA256-RSA，${bytes} 字节`],
  [/^(-?\d+) s$/, (seconds) => `${seconds} 秒`],
  [/^(\d+) bytes$/, (bytes) => `${bytes} 字节`],
  [/^([A-Z]+) to ([A-Z]+)$/, (from, to) => `${state(from ?? '')} → ${state(to ?? '')}`],
  [/^([A-Z]+) already$/, (now) => `已经是“${state(now ?? '')}”`],
  [/^(\d+) of (\d+)$/, (part, whole) => `${fen(part ?? '')} / ${fen(whole ?? '')}`],
  [/^(\d+) CNY$/, (amount) => fen(amount ?? '')],
  [/^(\d+) ([A-Z]{3}), the order says (\d+) ([A-Z]{3})$/, (got, currency, own, ours) => `${fen(got ?? '')} ${currency}，订单是 ${fen(own ?? '')} ${ours}`],
  [/^mchid (\S+), appid (\S+); ours are (\S+) and (\S+)$/, (mchid, appid, mine, own) => `mchid ${mchid}、appid ${appid}；我方是 ${mine} 和 ${own}`],
  [/^mchid (\S+); ours is (\S+)$/, (mchid, mine) => `mchid ${mchid}；我方是 ${mine}`],
  [/^no order (.+)$/, (no) => `没有订单 ${no}`],
  [/^paid, but the order is ([A-Z]+)$/, (now) => `说已支付，但订单${state(now ?? '')}`],
  [/^refunded, but the order is ([A-Z]+)$/, (now) => `说已退款，但订单${state(now ?? '')}`],
  [/^paid, but without a transaction_id$/, () => '说已支付，但没有 transaction_id'],
  [/^transaction (\S+), the order was paid by (\S+)$/, (one, other) => `交易 ${one}，而订单由 ${other} 支付`],
  [/^this refund number belongs to another order$/, () => '这个退款单号属于另一个订单'],
  [/^the APIv3 key does not open it$/, () => 'APIv3 密钥解不开'],
  [/^the nonce has (\d+) bytes, it must have 12$/, (bytes) => `nonce 有 ${bytes} 字节，应为 12`],
  [/^the ciphertext is no base64 of at least 17 bytes$/, () => '密文不是至少 17 字节的 base64'],
  [/^the header (\S+) is missing or empty$/, (name) => `没有 ${name} 头，或它是空的`],
  [/^the header (\S+) is there more than once$/, (name) => `${name} 头出现了不止一次`],
  [/^the signature type (.+) is not (\S+)$/, (kind, scheme) => `签名类型 ${kind} 不是 ${scheme}`],
  [/^the time stamp (.+) is not Unix seconds$/, (text) => `时间戳 ${text} 不是 Unix 秒`],
  [/^signed (\d+) s ago; (\d+) s are allowed$/, (ago, most) => `${ago} 秒前签名，最多 ${most} 秒`],
  [/^signed (\d+) s in the future; (\d+) s are allowed$/, (ahead, most) => `签名时间在 ${ahead} 秒之后，最多差 ${most} 秒`],
  [/^no key with the serial (\S+) is known$/, (serial) => `没有序列号为 ${serial} 的密钥`],
  [/^a signature probe of WeChat Pay: rightly refused$/, () => '微信支付的签名探测：应当拒绝'],
  [/^the signature is no base64 of the key's length$/, () => '签名不是密钥长度的 base64'],
  [/^the signature does not fit these bytes$/, () => '签名与收到的字节不符'],
  [/^the body is not sound JSON: (.+)$/s, (why) => `报文不是合格的 JSON：${why}`],
  [/^the body is not a notification: (.+)$/s, (why) => `报文不是通知：${why}`],
];

/** What a check measured, in the language of the window. */
export function measured(detail: string): string {
  if (words.tongue !== 'zh') return detail;
  for (const [shape, say] of CHINESE) {
    const found = shape.exec(detail);
    if (found) return say(...found.slice(1));
  }
  return detail;
}

/** A line of the journal (`refund_settled REFUND RF12 SUCCESS`): its codes in words, its numbers as they are. */
export function journalLine(line: string): string {
  const [kind = '', ...rest] = line.split(' ');
  if (!Object.hasOwn(words.t.timeline, kind)) return line;
  const said = rest.map((word, i) => (kind.startsWith('refund') && i === rest.length - 1 && word === 'SUCCESS' ? state('refundSUCCESS') : /^[A-Z]+$/.test(word) ? state(word) : words.of(words.t.verdict, word)));
  return [words.of(words.t.timeline, kind), ...said].join(' · ');
}
