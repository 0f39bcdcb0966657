// The whole flow of a merchant's backend on wechatpay-axios-plugin, as a merchant would write it.
import { createHash } from 'node:crypto';
import { once, EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { strict as assert } from 'node:assert';
import axiosPlugin from 'wechatpay-axios-plugin';

const { Aes, Formatter, Rsa, Wechatpay } = axiosPlugin;
const sandbox = JSON.parse(readFileSync(process.env.GUITAI_SANDBOX, 'utf8'));
const publicKeyMode = process.env.GUITAI_MODE === 'public_key';
const certs = publicKeyMode
  ? { [sandbox.public_key_id]: readFileSync(sandbox.public_key) }
  : { [sandbox.platform_serial_no]: readFileSync(sandbox.platform_certificate) };
const privateKey = readFileSync(sandbox.merchant_private_key);
const headers = { Accept: 'application/json', 'Content-Type': 'application/json', 'User-Agent': 'guitai-test/1' };
if (publicKeyMode) headers['Wechatpay-Serial'] = sandbox.public_key_id;
const wxpay = new Wechatpay({
  baseURL: sandbox.base_url, proxy: false, headers,
  mchid: sandbox.mchid, serial: sandbox.merchant_serial_no, privateKey, certs,
});

const step = (name, extra = {}) => console.log(JSON.stringify({ step: name, ...extra }));
const control = async (path, body) => {
  const answer = await fetch(`${sandbox.base_url}/_sandbox/${path}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  const text = await answer.text();
  assert.equal(answer.ok, true, `${path}: ${answer.status} ${text}`);
  return text ? JSON.parse(text) : null;
};

// The callback handler: verify over the raw bytes, then decrypt, with the SDK's own functions.
const notified = new EventEmitter();
const backlog = [];
const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    try {
      const body = Buffer.concat(chunks).toString('utf8');
      const at = request.headers['wechatpay-timestamp'];
      const key = certs[request.headers['wechatpay-serial']];
      assert.ok(key, `serial ${request.headers['wechatpay-serial']} is not known`);
      assert.ok(Math.abs(Formatter.timestamp() - at) <= 300, 'stale');
      const text = Formatter.response(at, request.headers['wechatpay-nonce'], body);
      assert.ok(Rsa.verify(text, request.headers['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC)), 'signature');
      const { event_type, resource } = JSON.parse(body);
      const plain = Aes.AesGcm.decrypt(resource.ciphertext, sandbox.api_v3_key, resource.nonce, resource.associated_data);
      response.writeHead(204).end();
      backlog.push({ event_type, content: JSON.parse(plain) });
      notified.emit('notification');
    } catch (error) {
      response.writeHead(401, { 'Content-Type': 'application/json' }).end(JSON.stringify({ code: 'FAIL', message: error.message }));
      notified.emit('error', error);
    }
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const notify_url = `http://127.0.0.1:${server.address().port}/notify`;
const nextNotification = async () => {
  if (backlog.length === 0) await once(notified, 'notification', { signal: AbortSignal.timeout(20_000) });
  return backlog.shift();
};

const login = await fetch(`${sandbox.base_url}/sns/jscode2session?appid=${sandbox.appid}&secret=${sandbox.appsecret}&js_code=sandbox-node&grant_type=authorization_code`);
const { openid } = await login.json();
assert.match(openid, /^o/);
step('login', { openid });

const number = (kind) => `${kind}${Date.now()}${Math.floor(Math.random() * 1e6)}`;
const order = (out_trade_no, total) => ({
  appid: sandbox.appid, mchid: sandbox.mchid, description: '奶茶 两杯 / "大杯"', out_trade_no, notify_url,
  attach: '门店 8', amount: { total, currency: 'CNY' }, payer: { openid },
});
const out_trade_no = number('N');
const { data: { prepay_id } } = await wxpay.v3.pay.transactions.jsapi.post(order(out_trade_no, 1250));
step('prepay', { prepay_id });

const params = { appId: sandbox.appid, timeStamp: `${Formatter.timestamp()}`, nonceStr: Formatter.nonce(), package: `prepay_id=${prepay_id}`, signType: 'RSA' };
params.paySign = Rsa.sign(Formatter.joinedByLineFeed(params.appId, params.timeStamp, params.nonceStr, params.package), Rsa.from(privateKey, Rsa.KEY_TYPE_PRIVATE));
const accepted = await control('pay-params', params);
assert.equal(accepted.ok, true, JSON.stringify(accepted));
step('pay_params');

const paid = await control('payments', { prepay_id, outcome: 'SUCCESS', payer_openid: openid });
step('paid', { transaction_id: paid.transaction_id });
const payment = await nextNotification();
assert.equal(payment.event_type, 'TRANSACTION.SUCCESS');
assert.equal(payment.content.out_trade_no, out_trade_no);
assert.equal(payment.content.amount.total, 1250);
step('notification');

const { data: queried } = await wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: sandbox.mchid }, out_trade_no });
assert.equal(queried.trade_state, 'SUCCESS');
step('query');

const { data: refund } = await wxpay.v3.refund.domestic.refunds.post({
  out_trade_no, out_refund_no: number('R'), reason: '少一杯', notify_url, amount: { refund: 250, total: 1250, currency: 'CNY' },
});
assert.equal(refund.status, 'PROCESSING');
step('refund', { refund_id: refund.refund_id });
await control('clock', { advance_seconds: 2 });
const refunded = await nextNotification();
assert.equal(refunded.event_type, 'REFUND.SUCCESS');
assert.equal(refunded.content.refund_status, 'SUCCESS');
step('refund_notification');

const unwanted = number('C');
await wxpay.v3.pay.transactions.native.post({ ...order(unwanted, 1), payer: undefined });
const closed = await wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.close.post({ mchid: sandbox.mchid }, { out_trade_no: unwanted });
assert.equal(closed.status, 204);
step('close');

const { data: before } = await wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: sandbox.mchid }, out_trade_no: unwanted });
assert.equal(before.trade_state, 'CLOSED');
const bill_date = queried.success_time.slice(0, 10);
await control('clock', { advance_seconds: 36 * 3600 });
const { data: bill } = await wxpay.v3.bill.tradebill.get({ params: { bill_date, bill_type: 'ALL' } });
const { data: file } = await wxpay.v3.billdownload.file.get({ params: Object.fromEntries(new URL(bill.download_url).searchParams), responseType: 'arraybuffer' });
assert.equal(createHash('sha1').update(Buffer.from(file)).digest('hex'), bill.hash_value.toLowerCase());
assert.ok(Buffer.from(file).toString('utf8').includes(out_trade_no));
step('bill');
step('done');
server.close();
