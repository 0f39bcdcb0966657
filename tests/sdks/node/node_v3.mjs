// The whole flow of a merchant's backend on wechatpay-node-v3, whose host name is hard-coded and whose HTTP client takes no
// proxy from the environment: global-agent sends it through the proxy.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { strict as assert } from 'node:assert';
import { gunzipSync } from 'node:zlib';
import Pay from 'wechatpay-node-v3';
import { callbacks, control, login, number, publicKeyMode, sandbox, step } from './shop.mjs';

const wxpay = new Pay({
  appid: sandbox.appid, mchid: sandbox.mchid, key: sandbox.api_v3_key,
  publicKey: readFileSync(sandbox.merchant_certificate), privateKey: readFileSync(sandbox.merchant_private_key),
});
if (publicKeyMode) {
  // The SDK names no key that is to sign, so the sandbox has to be that of a merchant who has the public key only. It finds
  // keys by serial in its store of certificates, and fetches those that it doesn't know.
  await control('switches', { mode: 'public_key' });
  Pay.certificates = { [sandbox.public_key_id]: readFileSync(sandbox.public_key, 'utf8') };
}
const good = (answer, status = 200) => {
  assert.equal(answer.status, status, JSON.stringify(answer));
  return answer.data;
};

const shop = await callbacks(async (headers, body) => {
  const genuine = await wxpay.verifySign({
    timestamp: headers['wechatpay-timestamp'], nonce: headers['wechatpay-nonce'], serial: headers['wechatpay-serial'],
    signature: headers['wechatpay-signature'], body,
  });
  assert.ok(genuine, 'signature');
  const { event_type, resource } = JSON.parse(body);
  return { event_type, content: wxpay.decipher_gcm(resource.ciphertext, resource.associated_data, resource.nonce) };
});

const openid = await login('node-v3');
if (!publicKeyMode) {
  const [certificate] = await wxpay.get_certificates(sandbox.api_v3_key);
  assert.equal(certificate.serial_no, sandbox.platform_serial_no);
  step('certificates');
}
const out_trade_no = number('V');
const order = { description: '奶茶 两杯', notify_url: shop.url, attach: '门店 8' };
// The SDK answers with what wx.requestPayment takes, signed.
const params = good(await wxpay.transactions_jsapi({ ...order, out_trade_no, amount: { total: 1250 }, payer: { openid } }));
step('prepay', { package: params.package });
const accepted = await control('pay-params', params);
assert.equal(accepted.ok, true, JSON.stringify(accepted));
step('pay_params');

const paid = await control('payments', { out_trade_no, outcome: 'SUCCESS', payer_openid: openid });
step('paid', { transaction_id: paid.transaction_id });
const payment = await shop.next();
assert.equal(payment.event_type, 'TRANSACTION.SUCCESS');
assert.equal(payment.content.out_trade_no, out_trade_no);
step('notification');

assert.equal(good(await wxpay.query({ out_trade_no })).trade_state, 'SUCCESS');
const { success_time } = good(await wxpay.query({ transaction_id: paid.transaction_id }));
const unknown = await wxpay.query({ out_trade_no: number('X') });
assert.deepEqual([unknown.status, JSON.parse(unknown.error).code], [404, 'ORDER_NOT_EXIST']);
step('query');

const out_refund_no = number('R');
const refund = good(await wxpay.refunds({
  out_trade_no, out_refund_no, reason: '少一杯', notify_url: shop.url, amount: { refund: 250, total: 1250, currency: 'CNY' },
}));
assert.equal(refund.status, 'PROCESSING');
step('refund');
await control('clock', { advance_seconds: 2 });
const refunded = await shop.next();
assert.equal(refunded.event_type, 'REFUND.SUCCESS');
assert.equal(refunded.content.refund_status, 'SUCCESS');
assert.equal(good(await wxpay.find_refunds(out_refund_no)).status, 'SUCCESS');
step('refund_notification');

const unwanted = number('C');
assert.match(good(await wxpay.transactions_native({ ...order, out_trade_no: unwanted, amount: { total: 1 } })).code_url, /^weixin:/);
good(await wxpay.close(unwanted), 204);
step('close');

const combined = number('M');
const sub = (part) => ({
  mchid: sandbox.mchid, attach: '门店 8', description: '合单', out_trade_no: combined + part, amount: { total_amount: 10, currency: 'CNY' },
});
good(await wxpay.combine_transactions_jsapi({
  combine_out_trade_no: combined, sub_orders: [sub(1), sub(2)], combine_payer_info: { openid }, notify_url: shop.url,
}));
assert.equal(good(await wxpay.combine_query(combined)).sub_orders.length, 2);
step('combined');

await control('clock', { advance_seconds: 36 * 3600 });
const bill_date = success_time.slice(0, 10);
for (const kind of ['tradebill', 'fundflowbill']) {
  for (const tar of [{}, { tar_type: 'GZIP' }]) {
    const bill = good(await wxpay[kind]({ bill_date, ...tar }));
    const file = Buffer.from(good(await wxpay.downloadBill(bill.download_url)));
    const text = tar.tar_type ? gunzipSync(file) : file;
    assert.equal(createHash('sha1').update(text).digest('hex'), bill.hash_value);
    assert.ok(text.toString('utf8').includes(paid.transaction_id));
  }
}
step('bill');
step('done');
shop.close();
