// The whole flow of a merchant's backend on wechatpay-axios-plugin, as a merchant would write it: by its base URL, or with
// GUITAI_VIA=proxy without one.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import axiosPlugin from 'wechatpay-axios-plugin';
import { callbacks, control, login, number, publicKeyMode, sandbox, step } from './shop.mjs';

const { Aes, Formatter, Rsa, Wechatpay } = axiosPlugin;
const certs = publicKeyMode
  ? { [sandbox.public_key_id]: readFileSync(sandbox.public_key) }
  : { [sandbox.platform_serial_no]: readFileSync(sandbox.platform_certificate) };
const privateKey = readFileSync(sandbox.merchant_private_key);
const headers = { Accept: 'application/json', 'Content-Type': 'application/json', 'User-Agent': 'guitai-test/1' };
if (publicKeyMode) headers['Wechatpay-Serial'] = sandbox.public_key_id;
const base = process.env.GUITAI_VIA === 'proxy' ? undefined : sandbox.base_url;
const wxpay = new Wechatpay({
  ...(base ? { baseURL: base, proxy: false } : {}), headers,
  mchid: sandbox.mchid, serial: sandbox.merchant_serial_no, privateKey, certs,
});

// The callback handler: verify over the raw bytes, then decrypt, with the SDK's own functions.
const shop = await callbacks((headers, body) => {
  const at = headers['wechatpay-timestamp'];
  const key = certs[headers['wechatpay-serial']];
  assert.ok(key, `serial ${headers['wechatpay-serial']} is not known`);
  assert.ok(Math.abs(Formatter.timestamp() - at) <= 300, 'stale');
  const text = Formatter.response(at, headers['wechatpay-nonce'], body);
  assert.ok(Rsa.verify(text, headers['wechatpay-signature'], Rsa.from(key, Rsa.KEY_TYPE_PUBLIC)), 'signature');
  const { event_type, resource } = JSON.parse(body);
  const plain = Aes.AesGcm.decrypt(resource.ciphertext, sandbox.api_v3_key, resource.nonce, resource.associated_data);
  return { event_type, content: JSON.parse(plain) };
});

const openid = await login('axios-plugin', base);
const order = (out_trade_no, total) => ({
  appid: sandbox.appid, mchid: sandbox.mchid, description: '奶茶 两杯 / "大杯"', out_trade_no, notify_url: shop.url,
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
const payment = await shop.next();
assert.equal(payment.event_type, 'TRANSACTION.SUCCESS');
assert.equal(payment.content.out_trade_no, out_trade_no);
assert.equal(payment.content.amount.total, 1250);
step('notification');

const { data: queried } = await wxpay.v3.pay.transactions.outTradeNo._out_trade_no_.get({ params: { mchid: sandbox.mchid }, out_trade_no });
assert.equal(queried.trade_state, 'SUCCESS');
step('query');

const { data: refund } = await wxpay.v3.refund.domestic.refunds.post({
  out_trade_no, out_refund_no: number('R'), reason: '少一杯', notify_url: shop.url, amount: { refund: 250, total: 1250, currency: 'CNY' },
});
assert.equal(refund.status, 'PROCESSING');
step('refund', { refund_id: refund.refund_id });
await control('clock', { advance_seconds: 2 });
const refunded = await shop.next();
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
shop.close();
