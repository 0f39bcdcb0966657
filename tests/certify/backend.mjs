// A correct callback handler in plain Node, and what it becomes with one fault (FAULT=name) in it.
import { createDecipheriv, createPublicKey, createSign, createVerify, randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const sandbox = JSON.parse(readFileSync(process.env.GUITAI_SANDBOX, 'utf8'));
const fault = process.env.FAULT ?? '';
const merchantKey = readFileSync(sandbox.merchant_private_key, 'utf8');
const orders = new Map();
const seenIds = new Set();
const keys = new Map();
let notify_url = '';
let refreshed = 0;

const call = async (method, target, body = '') => {
  const timestamp = Math.floor(Date.now() / 1000) - (fault === 'clock_behind' ? 120 : 0);
  const nonce = randomBytes(16).toString('hex');
  const signature = createSign('RSA-SHA256').update(`${method}\n${target}\n${timestamp}\n${nonce}\n${body}\n`).sign(merchantKey, 'base64');
  const answer = await fetch(sandbox.base_url + target, {
    method,
    body: body || undefined,
    headers: {
      Authorization: `WECHATPAY2-SHA256-RSA2048 mchid="${sandbox.mchid}",nonce_str="${nonce}",signature="${signature}",timestamp="${timestamp}",serial_no="${sandbox.merchant_serial_no}"`,
      Accept: 'application/json', 'Content-Type': 'application/json', 'User-Agent': 'guitai-test-backend',
    },
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${target}: ${answer.status} ${text}`);
  if (target !== '/v3/certificates' && fault !== 'believes_any_answer' && !genuine(answer.headers, text)) throw new Error('the answer is not genuine');
  return text ? JSON.parse(text) : null;
};

// An answer that was lost may have taken effect: the same request again, with the same numbers.
const callAgain = async (method, target, body) => call(method, target, body()).catch(() => call(method, target, body()));

const genuine = (headers, text) => {
  const [timestamp, nonce, signature, serial] = ['timestamp', 'nonce', 'signature', 'serial'].map((name) => headers.get(`wechatpay-${name}`));
  const key = keys.get(serial);
  return key !== undefined && createVerify('RSA-SHA256').update(`${timestamp}\n${nonce}\n${text}\n`).verify(key, signature ?? '', 'base64');
};

const login = async () => {
  const query = new URLSearchParams({ appid: sandbox.appid, secret: sandbox.appsecret, js_code: 'sandbox-payer', grant_type: 'authorization_code' });
  return (await (await fetch(`${sandbox.base_url}/sns/jscode2session?${query}`)).json()).openid;
};

const placeOrder = async (product) => {
  const number = () => `B${Date.now()}${randomBytes(4).toString('hex')}`;
  let out_trade_no = number();
  const payer = product === 'jsapi' ? { openid: await login() } : undefined;
  const { prepay_id } = await callAgain('POST', `/v3/pay/transactions/${product}`, () => {
    if (fault === 'retries_under_a_new_number') out_trade_no = number();
    orders.set(out_trade_no, { total: 880, paid: false, applied: 0 });
    return JSON.stringify({
      appid: sandbox.appid, mchid: sandbox.mchid, description: '体检', out_trade_no, payer,
      notify_url: fault === 'notify_url_with_query' ? `${notify_url}?from=wechat` : notify_url,
      amount: { total: fault === 'amounts_as_text' ? '880' : 880, currency: 'CNY' },
    });
  });
  orders.get(out_trade_no).prepay_id = prepay_id;
  return out_trade_no;
};

const refundOrder = async (out_trade_no) => {
  const order = orders.get(out_trade_no);
  const number = () => `R${Date.now()}${randomBytes(4).toString('hex')}`;
  order.out_refund_no ??= number();
  await callAgain('POST', '/v3/refund/domestic/refunds', () => {
    if (fault === 'refunds_under_a_new_number') order.out_refund_no = number();
    return JSON.stringify({ out_trade_no, out_refund_no: order.out_refund_no, amount: { refund: order.total, total: order.total, currency: 'CNY' } });
  });
};

const payParams = (out_trade_no) => {
  const packed = `prepay_id=${orders.get(out_trade_no).prepay_id}`;
  const [timeStamp, nonceStr] = [`${Math.floor(Date.now() / 1000)}`, randomBytes(16).toString('hex')];
  const signed = fault === 'pay_params_without_prefix' ? packed.slice('prepay_id='.length) : packed;
  const paySign = createSign('RSA-SHA256').update(`${sandbox.appid}\n${timeStamp}\n${nonceStr}\n${signed}\n`).sign(merchantKey, 'base64');
  return { appId: sandbox.appid, timeStamp, nonceStr, package: packed, signType: 'RSA', paySign };
};

const open = ({ ciphertext, nonce, associated_data }) => {
  const bytes = Buffer.from(ciphertext, 'base64');
  const cipher = createDecipheriv('aes-256-gcm', sandbox.api_v3_key, nonce);
  cipher.setAAD(Buffer.from(associated_data ?? ''));
  const plain = cipher.update(bytes.subarray(0, -16));
  if (fault === 'tag_not_checked') return plain.toString('utf8');
  cipher.setAuthTag(bytes.subarray(-16));
  return Buffer.concat([plain, cipher.final()]).toString('utf8');
};

const refresh = async () => {
  const { data } = await call('GET', '/v3/certificates');
  for (const { serial_no, encrypt_certificate } of data) keys.set(serial_no, new X509Certificate(open(encrypt_certificate)).publicKey);
  refreshed = Date.now();
};

const verify = async (headers, body) => {
  const [timestamp, nonce, signature, serial] = ['timestamp', 'nonce', 'signature', 'serial'].map((name) => headers[`wechatpay-${name}`]);
  if (fault === 'no_verification') return;
  if (fault === 'missing_header_is_fine' && !(timestamp && nonce && signature && serial)) return;
  if (fault === 'probe_is_fine' && signature?.startsWith('WECHATPAY/SIGNTEST/')) return;
  if (!timestamp || !nonce || !signature || !serial) throw new Error('a header is missing');
  if (fault !== 'age_not_checked' && Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) throw new Error('stale');
  if (!keys.has(serial) && fault !== 'certificates_never_fetched_again' && Date.now() - refreshed > 3000) await refresh();
  const known = fault === 'any_key_will_do' ? [...keys.values()] : [keys.get(serial)].filter(Boolean);
  const text = fault === 'body_written_again' ? JSON.stringify(JSON.parse(body)) : body;
  const good = known.some((key) => createVerify('RSA-SHA256').update(`${timestamp}\n${nonce}\n`).update(text).update('\n').verify(key, signature, 'base64'));
  if (!good && fault !== 'decrypting_is_enough') throw new Error(known.length ? 'signature' : 'unknown serial');
};

const refuse = (response, status, message) => {
  if (fault === 'refusals_in_plain_text') return response.writeHead(status, { 'Content-Type': 'text/plain' }).end('no');
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 'FAIL', message }));
};

const apply = async (order) => {
  if (fault === 'race') {
    const before = order.paid;
    await new Promise((resolve) => setTimeout(resolve, 400));
    if (before) return;
  } else if (order.paid && fault !== 'applies_each_time') return;
  order.paid = true;
  order.applied += 1;
};

const notified = async (request, response, body) => {
  if (fault === 'login_page') return response.writeHead(302, { Location: '/login' }).end();
  if (fault === 'always_500') return refuse(response, 500, 'broken');
  if (request.method !== 'POST') return refuse(response, 405, 'POST only');
  if (body.length > 65_536) return refuse(response, 413, 'too large');
  try {
    await verify(request.headers, body);
  } catch (error) {
    if (fault === 'garbage_is_fine' && !request.headers['wechatpay-signature']) return response.writeHead(200).end();
    if (fault === 'garbage_hangs' && !request.headers['wechatpay-signature']) return undefined;
    return refuse(response, 401, error.message);
  }
  let message;
  let content;
  try {
    message = JSON.parse(body);
    content = JSON.parse(open(message.resource));
  } catch {
    return refuse(response, 400, 'not understood');
  }
  if (fault === 'echoes_secrets') return response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 'SUCCESS', content, sandbox, merchantKey }));
  if (fault === 'slow') await new Promise((resolve) => setTimeout(resolve, 1300));
  if (fault === 'same_id_is_refused' && seenIds.has(message.id)) return refuse(response, 409, 'seen');
  const first = !seenIds.has(message.id);
  seenIds.add(message.id);
  const order = orders.get(content.out_trade_no);
  if (message.event_type.startsWith('REFUND.')) {
    if (fault === 'refunds_not_known') return refuse(response, 400, 'unknown event');
    if (fault === 'refund_needs_payment' && !order?.paid) return refuse(response, 400, 'not paid');
    return response.writeHead(204).end();
  }
  if (!order) {
    if (fault === 'dies_of_a_stranger') process.exit(3);
    return response.writeHead(200).end(); // kept for a person, acknowledged
  }
  if (fault !== 'merchant_not_compared' && (content.mchid !== sandbox.mchid || content.appid !== sandbox.appid)) return response.writeHead(200).end();
  if (fault !== 'amount_not_compared' && content.amount.total !== order.total) return response.writeHead(200).end();
  if (fault === 'deduplicates_by_id_only') {
    if (first) { order.paid = true; order.applied += 1; }
  } else await apply(order);
  return response.writeHead(fault === 'duplicates_are_refused' && order.duplicate ? 409 : 204).end(() => { order.duplicate = true; });
};

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    const body = Buffer.concat(chunks);
    const url = new URL(request.url, 'http://x');
    try {
      if (url.pathname === '/order') {
        response.end(`${await placeOrder(url.searchParams.get('product') ?? 'native')}\n`);
      } else if (url.pathname === '/refund') {
        await refundOrder(url.searchParams.get('no'));
        response.end();
      } else if (url.pathname === '/params') {
        response.end(JSON.stringify(payParams(url.searchParams.get('no'))));
      } else if (url.pathname === '/probe') {
        const order = orders.get(url.searchParams.get('no'));
        response.end(JSON.stringify({ paid: order?.paid ?? false, times_applied: order?.applied ?? 0 }));
      } else if (url.pathname === '/notify') await notified(request, response, body);
      else response.writeHead(404).end();
    } catch (error) {
      if (!response.headersSent) refuse(response, 500, error.message);
    }
  });
});

await refresh();
if (fault !== 'no_public_key') keys.set(sandbox.public_key_id, createPublicKey(readFileSync(sandbox.public_key)));
if (fault === 'trusts_the_merchant_key') keys.set(sandbox.merchant_serial_no, createPublicKey(merchantKey));
if (fault !== 'never_queries') {
  setInterval(async () => {
    for (const [no, order] of orders) {
      if (order.paid) continue;
      const found = await call('GET', `/v3/pay/transactions/out-trade-no/${no}?mchid=${sandbox.mchid}`).catch(() => null);
      if (found?.trade_state === 'SUCCESS' && found.amount.total === order.total) await apply(order);
    }
  }, fault === 'asks_without_rest' ? 100 : 1500).unref();
}
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  const { port } = server.address();
  notify_url = `http://127.0.0.1:${port}/notify`;
  console.log(JSON.stringify({ port }));
});
