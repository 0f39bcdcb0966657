// What the fake desk holds when it is opened: a café's month, in all states and verdicts. Made up, and the same each time.

import type { Callback, CallbackDossier, Check, Exchange, Merchant, Order, SignedText, Verdict, Via } from './bindings';

/** Small, repeatable chance. */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const GOODS: [string, number][] = [
  ['热美式 大杯', 1800],
  ['拿铁 + 可颂套餐', 3850],
  ['燕麦拿铁 中杯', 2600],
  ['手冲 耶加雪菲', 4200],
  ['双人下午茶', 12800],
  ['咖啡豆 意式拼配 454g', 8900],
  ['会员储值 300 元', 30000],
  ['冷萃 瓶装', 2200],
  ['巴斯克蛋糕 切件', 3600],
  ['企业团餐 11 月', 286400],
  ['马克杯 柜台限定', 6800],
  ['气泡美式', 2000],
];

export const MCHID = '1900007291';
export const APPID = 'wxd678efh567hg6787';
export const SERIAL = '5157F09EFDC096DE15EBE81A47057A7232F1B8E1';
export const PLATFORM_SERIAL = '4B2E7D1A90C35F8811D6A0E4C7B93F25786A1D0C';

export const merchants = (): Merchant[] => [
  {
    name: 'sandbox',
    mchid: MCHID,
    appid: APPID,
    serial_no: SERIAL,
    base_url: 'http://127.0.0.1:8788',
    notify_url: 'http://127.0.0.1:8787/notify/sandbox',
    sandbox: true,
    current: true,
    private_key: 'set',
    api_v3_key: 'set',
    app_secret: 'set',
    public_key_id: 'PUB_KEY_ID_0119000072912025112400291800000000',
    platform_certificates: [{ serial_no: PLATFORM_SERIAL, not_before: '2026-01-10T08:00:00+08:00', not_after: '2031-01-09T08:00:00+08:00' }],
    live_enabled: true,
    created_at: '2026-10-20T09:12:00+08:00',
  },
  {
    name: 'lakeside-cafe',
    mchid: '1623459018',
    appid: 'wx8888888888888888',
    serial_no: '3775B6A45ACD588826D15E583A95F5DD00000C11',
    base_url: 'https://api.mch.weixin.qq.com',
    notify_url: 'https://pay.lakeside.example/notify/lakeside-cafe',
    sandbox: false,
    current: false,
    private_key: 'set',
    api_v3_key: 'set',
    app_secret: 'not set',
    public_key_id: null,
    platform_certificates: [{ serial_no: '60A5F2CD71E0B9874133C6F2D9E10B5A8C04E7D3', not_before: '2022-01-01T00:00:00+08:00', not_after: '2027-01-01T00:00:00+08:00' }],
    live_enabled: false,
    created_at: '2026-11-02T18:40:00+08:00',
  },
];

const iso = (ms: number) => new Date(ms).toISOString();
const hex = (random: () => number, length: number) => Array.from({ length }, () => Math.floor(random() * 16).toString(16)).join('');
const digits = (random: () => number, length: number) => Array.from({ length }, () => Math.floor(random() * 10)).join('');
export const base64 = (random: () => number, length: number) =>
  `${Array.from({ length: length - 2 }, () => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'[Math.floor(random() * 64)]).join('')}==`;

export interface Seed {
  orders: Order[];
  callbacks: CallbackDossier[];
  exchanges: Exchange[];
}

/** Signed text of an API request. */
export function requestText(random: () => number, method: string, target: string, at: number, body: string): SignedText {
  const lines = [
    { field: 'method', text: method },
    { field: 'url', text: target },
    { field: 'timestamp', text: String(Math.trunc(at / 1000)) },
    { field: 'nonce', text: hex(random, 32).toUpperCase() },
    { field: 'body', text: body },
  ];
  return signed(random, lines, SERIAL, 'merchant', null);
}

/** Signed text of an answer or a notification. */
export function answerText(random: () => number, at: number, body: string, ok: boolean): SignedText {
  const lines = [
    { field: 'timestamp', text: String(Math.trunc(at / 1000)) },
    { field: 'nonce', text: hex(random, 32) },
    { field: 'body', text: body },
  ];
  return signed(random, lines, PLATFORM_SERIAL, 'platform_certificate', ok);
}

function signed(random: () => number, lines: SignedText['lines'], serial_no: string, signer: string, ok: boolean | null): SignedText {
  const text = lines.map((line) => `${line.text}\n`).join('');
  return { lines, text, bytes: new TextEncoder().encode(text).length, sha256: hex(random, 64), signature: base64(random, 344), serial_no, signer, ok };
}

export function exchangeOf(random: () => number, id: string, order: Order, at: number, purpose: string, via?: Via): Exchange {
  const query = purpose === 'query';
  const target = query ? `/v3/pay/transactions/out-trade-no/${order.out_trade_no}?mchid=${MCHID}` : purpose === 'refund' ? '/v3/refund/domestic/refunds' : `/v3/pay/transactions/${via ?? 'jsapi'}`;
  const method = query ? 'GET' : 'POST';
  const body = query
    ? ''
    : JSON.stringify({
        appid: APPID,
        mchid: MCHID,
        description: order.description,
        out_trade_no: order.out_trade_no,
        notify_url: order.notify_url,
        amount: order.amount,
        ...(via === 'jsapi' ? { payer: { openid: order.payer?.openid ?? 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' } } : {}),
      });
  const answer = query
    ? JSON.stringify({ mchid: MCHID, appid: APPID, out_trade_no: order.out_trade_no, trade_state: order.state, trade_state_desc: '支付成功', amount: { ...order.amount, payer_total: order.amount.total } })
    : via === 'native'
      ? JSON.stringify({ code_url: order.code_url })
      : JSON.stringify({ prepay_id: order.prepay_id });
  const text = requestText(random, method, target, at, body);
  const theirs = answerText(random, at + 80, answer, true);
  const request_id = `08${hex(random, 34).toUpperCase()}-268435462`;
  return {
    id,
    beside: null,
    at: iso(at),
    purpose,
    method,
    target,
    status: 200,
    outcome: 'ok',
    latency_ms: 41 + Math.floor(random() * 120),
    request_id,
    out_trade_no: order.out_trade_no,
    base_url: 'http://127.0.0.1:8788',
    request_headers: [
      ['Accept', 'application/json'],
      ['Authorization', `WECHATPAY2-SHA256-RSA2048 mchid="${MCHID}",nonce_str="${text.lines[3]?.text}",signature="${text.signature}",timestamp="${text.lines[2]?.text}",serial_no="${SERIAL}"`],
      ['Content-Type', 'application/json'],
      ['User-Agent', 'Guitai/0.1.0'],
    ],
    request_body: body,
    response_headers: [
      ['Content-Type', 'application/json; charset=utf-8'],
      ['Request-ID', request_id],
      ['Wechatpay-Nonce', theirs.lines[1]?.text ?? ''],
      ['Wechatpay-Serial', PLATFORM_SERIAL],
      ['Wechatpay-Signature', theirs.signature],
      ['Wechatpay-Signature-Type', 'WECHATPAY2-SHA256-RSA2048'],
      ['Wechatpay-Timestamp', theirs.lines[0]?.text ?? ''],
    ],
    response_body: answer,
    signed: text,
    verified: theirs,
  };
}

const LADDER = ['headers_present', 'timestamp_fresh', 'serial_known', 'signature_valid', 'body_is_json', 'resource_decrypts', 'merchant_matches', 'order_known', 'amount_matches', 'state_allows'];

const FAILED_AT: Record<string, { reason: string; why: [string, string]; fix: [string, string]; found: string }> = {
  signature_valid: {
    reason: 'signature_mismatch',
    found: 'RSA-SHA256 over 1,052 bytes does not match',
    why: ['签名与收到的字节不符：内容在路上被改过，或者不是微信支付签的。', 'The signature does not fit the bytes that came: they were changed on the way, or WeChat Pay did not sign them.'],
    fix: ['不要采用。确认前面没有代理改写请求体；真正的通知会再来。', 'Leave it unapplied. Make sure no proxy rewrites bodies; a genuine notification comes again.'],
  },
  probe: {
    reason: 'probe',
    found: 'WECHATPAY/SIGNTEST/…',
    why: ['这是微信支付的签名探测：它故意签错，看我们会不会拒绝。', 'WeChat Pay is probing: the signature is wrong on purpose, to see whether we refuse it.'],
    fix: ['不用做什么：已经正确拒绝。', 'Nothing to do: it was refused, as it should be.'],
  },
  timestamp_fresh: {
    reason: 'timestamp_stale',
    found: '612 s old, 300 s allowed',
    why: ['时间戳已过去 612 秒：可能是重放，或者本机时钟不准。', 'The time stamp is 612 seconds old: a replay, or this clock is wrong.'],
    fix: ['核对系统时间；时钟正确就不必理会。', 'Check the system time; if it is right, ignore this one.'],
  },
  serial_known: {
    reason: 'serial_unknown',
    found: '3775B6A45ACD588826D15E583A95F5DD',
    why: ['没有这个序列号的平台证书或公钥。', 'No platform certificate or public key with this serial is known.'],
    fix: ['程序已去下载新证书，微信支付重发时会再验。', 'Fresh certificates are being fetched; the retry is judged by them.'],
  },
  amount_matches: {
    reason: 'amount_matches',
    found: 'order 3850, notification 385',
    why: ['通知里的金额是 ¥3.85，订单是 ¥38.50。', 'The notification says ¥3.85, the order says ¥38.50.'],
    fix: ['查询这个订单，核对之后再决定。', 'Query the order and compare before deciding.'],
  },
  resource_decrypts: {
    reason: 'resource_decrypts',
    found: 'AES-256-GCM: tag mismatch with 1 key',
    why: ['签名是真的，但手上的 APIv3 密钥解不开它：密钥可能已经更换。', 'The signature is genuine, but no APIv3 key here opens it: the key was probably changed.'],
    fix: ['在“设置”里更新 APIv3 密钥；微信支付会再发一次。', 'Update the APIv3 key in Settings; WeChat Pay will send it again.'],
  },
};

/** A delivery for an order. `fails` names the rung that fails. */
export function callbackOf(random: () => number, id: string, order: Order, at: number, verdict: Verdict, fails?: keyof typeof FAILED_AT, firstId?: string, sameAs?: string | null): CallbackDossier {
  const fault = fails ? FAILED_AT[fails] : undefined;
  const rung = fails === 'probe' ? 'signature_valid' : fails;
  const checks: Check[] = [];
  for (const name of LADDER) {
    const ok = name !== rung;
    checks.push({ name, ok, detail: ok ? detailOf(name, order) : (fault?.found ?? '') });
    if (!ok) break;
  }
  const opened = !rung || LADDER.indexOf(rung) > LADDER.indexOf('resource_decrypts');
  const notification_id = sameAs ?? `${hex(random, 8)}-${hex(random, 4)}-5${hex(random, 3)}-a${hex(random, 3)}-${hex(random, 12)}`;
  const body = JSON.stringify({
    id: notification_id,
    create_time: iso(at - 800),
    resource_type: 'encrypt-resource',
    event_type: 'TRANSACTION.SUCCESS',
    summary: '支付成功',
    resource: { original_type: 'transaction', algorithm: 'AEAD_AES_256_GCM', ciphertext: base64(random, 520), associated_data: 'transaction', nonce: hex(random, 12) },
  });
  const text = answerText(random, at - 500, body, !rung || LADDER.indexOf(rung) > 3);
  const status = { applied: 204, duplicate: 204, held: 204, rejected: 401, failed: 500 }[verdict];
  const row: Callback = {
    id,
    notification_id,
    out_trade_no: opened || verdict === 'applied' ? order.out_trade_no : null,
    event_type: opened ? 'TRANSACTION.SUCCESS' : null,
    received_at: iso(at),
    verdict,
    http_status: status,
    merchant: 'sandbox',
    reason: fault?.reason ?? (verdict === 'duplicate' ? 'duplicate' : null),
    latency_ms: 3 + Math.floor(random() * 9),
    amount: opened ? order.amount.total : null,
    first_id: firstId ?? null,
  };
  return {
    ...row,
    headers: [
      ['Accept', '*/*'],
      ['Content-Type', 'application/json'],
      ['User-Agent', 'Mozilla/4.0'],
      ['Wechatpay-Nonce', text.lines[1]?.text ?? ''],
      ['Wechatpay-Serial', PLATFORM_SERIAL],
      ['Wechatpay-Signature', fails === 'probe' ? `WECHATPAY/SIGNTEST/${base64(random, 344)}` : text.signature],
      ['Wechatpay-Signature-Type', 'WECHATPAY2-SHA256-RSA2048'],
      ['Wechatpay-Timestamp', text.lines[0]?.text ?? ''],
    ],
    body,
    body_base64: '',
    target: '/notify/sandbox',
    source: '127.0.0.1:51702',
    checks,
    decrypted: opened
      ? {
          mchid: MCHID,
          appid: APPID,
          out_trade_no: order.out_trade_no,
          transaction_id: order.transaction_id ?? '4200002483202611247788990011',
          trade_type: (order.via ?? 'jsapi').toUpperCase(),
          trade_state: 'SUCCESS',
          trade_state_desc: '支付成功',
          bank_type: 'OTHERS',
          attach: order.attach ?? '',
          success_time: order.success_time ?? iso(at - 1000),
          payer: { openid: order.payer?.openid ?? 'oUpF8uMuAJO_M2pxb1Q9zNjWeS6o' },
          amount: { total: order.amount.total, payer_total: order.amount.total, currency: 'CNY', payer_currency: 'CNY' },
        }
      : null,
    why: fault ? { zh: fault.why[0], en: fault.why[1] } : null,
    fix: fault ? { zh: fault.fix[0], en: fault.fix[1] } : null,
    changed: verdict === 'applied' ? [`order ${order.out_trade_no}: NOTPAY → SUCCESS`] : [],
    signed: text,
  };
}

function detailOf(name: string, order: Order): string {
  return (
    {
      headers_present: 'Wechatpay-Timestamp, -Nonce, -Serial, -Signature',
      timestamp_fresh: '0 s old, 300 s allowed',
      serial_known: PLATFORM_SERIAL,
      signature_valid: 'RSA-SHA256',
      body_is_json: 'TRANSACTION.SUCCESS',
      resource_decrypts: 'AEAD_AES_256_GCM',
      merchant_matches: `${MCHID} · ${APPID}`,
      order_known: order.out_trade_no,
      amount_matches: `${order.amount.total} CNY`,
      state_allows: 'NOTPAY → SUCCESS',
    }[name] ?? ''
  );
}

/** A month of orders up to `now`, with their callbacks and exchanges. */
export function seed(now: number): Seed {
  const random = chance(20261124);
  const orders: Order[] = [];
  const callbacks: CallbackDossier[] = [];
  const exchanges: Exchange[] = [];
  let number = 0;
  for (let day = 0; day < 30; day++) {
    const count = 9 + Math.floor(random() * 8) + (day % 7 === 2 ? 6 : 0);
    for (let i = 0; i < count; i++) {
      const spread = day === 0 ? Math.min(8, (now % 86_400_000) / 3_600_000 + 2) : 11;
      const at = now - day * 86_400_000 - Math.floor((i + 0.3 + random() * 0.5) * (spread / count) * 3_600_000) - (day === 0 ? 90_000 : 0);
      const goods = GOODS[Math.floor(random() * GOODS.length)] ?? ['热美式', 1800];
      const fate = random();
      const state = day === 0 && i === 0 ? 'NOTPAY' : day === 0 && i === 2 ? 'CREATED' : fate < 0.8 ? 'SUCCESS' : fate < 0.86 ? 'REFUND' : fate < 0.92 ? 'CLOSED' : day === 0 ? 'NOTPAY' : 'CLOSED';
      const via: Via = random() < 0.62 ? 'jsapi' : 'native';
      const paid = state === 'SUCCESS' || state === 'REFUND';
      const day8 = iso(at).slice(0, 10).replaceAll('-', '');
      const order: Order = {
        out_trade_no: `GT${day8}${String(++number).padStart(4, '0')}${hex(random, 6).toUpperCase()}`,
        state,
        description: goods[0],
        amount: { total: goods[1], currency: 'CNY' },
        refunded: state === 'REFUND' ? (random() < 0.5 ? goods[1] : Math.floor(goods[1] / 2)) : 0,
        payer: via === 'jsapi' ? { openid: `oUpF8u${base64(random, 24).replace(/[+/=]/g, 'k').slice(0, 22)}` } : null,
        via: state === 'CREATED' ? null : via,
        transaction_id: paid ? `4200002483${day8}${digits(random, 10)}` : null,
        prepay_id: state !== 'CREATED' && via === 'jsapi' ? `wx${day8}${digits(random, 8)}${hex(random, 14)}0000` : null,
        code_url: state !== 'CREATED' && via === 'native' ? `weixin://wxpay/bizpayurl?pr=${hex(random, 9)}` : null,
        url_expires_at: state === 'CREATED' ? null : iso(at + 7_200_000),
        merchant: 'sandbox',
        mchid: MCHID,
        appid: APPID,
        notify_url: 'http://127.0.0.1:8787/notify/sandbox',
        created_at: iso(at),
        success_time: paid ? iso(at + 21_000 + Math.floor(random() * 60_000)) : null,
        found_by: paid ? (random() < 0.93 ? 'callback' : 'query') : null,
        callback_verdict: null,
        outcome_unknown: day === 0 && i === 5,
      };
      orders.push(order);
      if (day > 3) {
        if (order.found_by === 'callback') order.callback_verdict = 'applied';
        continue;
      }
      if (state !== 'CREATED') exchanges.push(exchangeOf(random, `x${number}`, order, at + 2_000, 'prepay', via));
      if (order.found_by === 'query') exchanges.push(exchangeOf(random, `q${number}`, order, at + 95_000, 'query'));
      if (order.found_by === 'callback') {
        const paidAt = Date.parse(order.success_time ?? '');
        const first = callbackOf(random, `cb_${number * 100}`, order, paidAt + 900, 'applied');
        const same = first.notification_id;
        callbacks.push(first);
        order.callback_verdict = 'applied';
        const more = (letter: number, after: number, verdict: Verdict, fails?: string, own = false) => callbacks.push(callbackOf(random, `cb_${number * 100 + letter}`, order, paidAt + after, verdict, fails, verdict === 'duplicate' ? first.id : undefined, own ? null : same));
        if (i % 6 === 1) more(1, 16_000, 'duplicate');
        if (i % 9 === 2) more(2, 600, 'rejected', 'probe');
        if (i % 11 === 4) more(3, 31_000, 'rejected', 'signature_valid', true);
        if (i % 13 === 5) more(4, 660_000, 'rejected', 'timestamp_fresh', true);
        if (i % 17 === 3) more(9, 100, 'rejected', 'serial_known');
        if (i % 12 === 7) {
          // the key was wrong for a while: five noes on the ladder, then the right key, and it comes again
          for (const [step, due] of [0, 15, 30, 60, 240].entries()) more(50 + step, due * 1000 - 240_000, 'failed', 'resource_decrypts');
        }
        if (i % 10 === 6) for (let again = 0; again < 7; again++) more(60 + again, 1200 + again * 40, 'duplicate');
        if (number % 40 === 9) callbacks.push({ ...callbackOf(random, `cb_${number * 100 + 70}`, order, paidAt + 5_000_000, 'rejected', 'signature_valid'), notification_id: null, event_type: null });
      } else if (state === 'NOTPAY' && i === 0) {
        callbacks.push(callbackOf(random, `cb_${number * 100 + 80}`, { ...order, amount: { total: 385, currency: 'CNY' } }, at + 30_000, 'held', 'amount_matches'));
        order.callback_verdict = 'held';
      }
    }
  }
  const latest = <T>(list: T[], at: (row: T) => string) => list.sort((a, b) => at(b).localeCompare(at(a)));
  return { orders: latest(orders, (o) => o.created_at), callbacks: latest(callbacks, (c) => c.received_at), exchanges: latest(exchanges, (x) => x.at) };
}
