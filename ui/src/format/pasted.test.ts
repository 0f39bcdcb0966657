import { describe, expect, test } from 'vitest';
import { asNotification, pasted, rawRequest, shellWords } from './pasted';

const AUTH = 'WECHATPAY2-SHA256-RSA2048 mchid="1900000001",nonce_str="593B",signature="uOVR==",timestamp="1554208460",serial_no="1DDE"';

describe('the words of a shell', () => {
  test.each([
    [`curl -d '{"a": 1}' x`, ['curl', '-d', '{"a": 1}', 'x']],
    [`curl \\\n  -X POST \\\r\n  x`, ['curl', '-X', 'POST', 'x']],
    [`a "b \\"c\\" \\d" e`, ['a', 'b "c" \\d', 'e']],
    [`$'a\\nb\\u0021' 'it'\\''s'`, ['a\nb!', "it's"]],
    [`''`, ['']],
    [`'open`, ['open']],
  ])('%j', (text, words) => expect(shellWords(text)).toEqual(words));
});

describe('what was pasted', () => {
  test.each([
    ['a cURL command', `curl -X POST 'https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi' -H 'Authorization: ${AUTH}' -H 'Accept: */*' --data-raw '{"a": 1}'`, 'POST', 'https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi', '{"a": 1}'],
    ['without -X', `$ curl https://h/v3/x?a=1 -H "authorization: ${AUTH.replaceAll('"', '\\"')}"`, 'GET', 'https://h/v3/x?a=1', ''],
    ['a body makes a POST', `curl --url=https://h/p -H'Authorization: ${AUTH}' -d'{}' -o /dev/null --compressed`, 'POST', 'https://h/p', '{}'],
    ['-G moves the data into the query', `curl -G https://h/v3/x -d a=1 --data-urlencode 'b=2 3|' -H 'Authorization: ${AUTH}'`, 'GET', 'https://h/v3/x?a=1&b=2%203%7C', ''],
    ['a raw request', `POST /v3/p HTTP/1.1\r\nHost: h\r\nAuthorization: ${AUTH}\r\n\r\n{"a":\n\n1}\n`, 'POST', '/v3/p', '{"a":\n\n1}\n'],
    ['a raw request without version or body', `GET /v3/certificates\nAuthorization: ${AUTH}`, 'GET', '/v3/certificates', ''],
  ])('%s', (_, text, method, url, body) => expect(pasted(text)).toEqual({ kind: 'request', method, url, authorization: AUTH, body }));

  test('a request that is written out is read the same', () => {
    expect(pasted(rawRequest('POST', '/v3/x', [['Authorization', AUTH]], '{}\n'))).toEqual({ kind: 'request', method: 'POST', url: '/v3/x', authorization: AUTH, body: '{}\n' });
  });

  test.each([
    ['headers, an empty line, a body', 'Wechatpay-Timestamp: 1\nWechatpay-Signature: s\n\n{"id": 1}'],
    ['no empty line', 'Wechatpay-Timestamp: 1\nWechatpay-Signature: s\n{"id": 1}'],
    ['a whole delivery', 'POST /notify HTTP/1.1\r\nWechatpay-Timestamp: 1\r\nWechatpay-Signature: s\r\n\r\n{"id": 1}'],
    ['an answer', 'HTTP/1.1 200 OK\nWechatpay-Timestamp: 1\nWechatpay-Signature: s\n\n{"id": 1}'],
    ['as JSON', '{"headers": {"Wechatpay-Timestamp": 1, "Wechatpay-Signature": ["s"]}, "body": "{\\"id\\": 1}"}'],
  ])('a notification: %s', (_, text) => {
    expect(pasted(text)).toEqual({ kind: 'notification', headers: [['Wechatpay-Timestamp', '1'], ['Wechatpay-Signature', 's']], body: '{"id": 1}' });
  });

  test('only the body of a notification', () => {
    expect(pasted('{"event_type": "TRANSACTION.SUCCESS", "resource": {}}')).toMatchObject({ kind: 'notification', headers: [] });
  });

  test.each([
    ['Host: h\nContent-Length: 2\n\n{}', [['Host', 'h'], ['Content-Length', '2']], '{}'],
    ['POST /notify HTTP/1.1\nHost: h\n\n{}', [['Host', 'h']], '{}'],
    ['{"a": 1}', [], '{"a": 1}'],
    ['Wechatpay-Nonce: n\n\n{}', [['Wechatpay-Nonce', 'n']], '{}'],
  ])('said to be a notification: %j', (text, headers, body) => expect(asNotification(text)).toEqual({ kind: 'notification', headers, body }));

  test('pay parameters, as JSON and as code', () => {
    const text = '{"appId": "wx1", "timeStamp": "1", "nonceStr": "n", "package": "prepay_id=wx2", "signType": "RSA", "paySign": "p"}';
    expect(pasted(text)).toEqual({ kind: 'pay_params', params: text, app: false, appid: 'wx1' });
    expect(pasted(`{ timeStamp: '1', nonceStr: 'n', package: 'prepay_id=wx2', paySign: 'p', }`)).toMatchObject({ kind: 'pay_params', params: '{"timeStamp":"1","nonceStr":"n","package":"prepay_id=wx2","paySign":"p"}' });
    expect(pasted('{"appid": "wx1", "partnerid": "1", "prepayid": "wx", "package": "Sign=WXPay", "noncestr": "n", "timestamp": "1", "sign": "s"}')).toMatchObject({ kind: 'pay_params', app: true, appid: 'wx1' });
  });

  test.each([
    ['', 'empty'],
    ['  \n', 'empty'],
    ['-----BEGIN PRIVATE KEY-----\nMII\n', 'private_key'],
    ['-----BEGIN CERTIFICATE-----\nMII\n', 'certificate'],
    ['{"code": "SIGN_ERROR", "message": "错误"}', 'error_body'],
    ['{"a": 1}', 'unknown'],
    ['{', 'unknown'],
    [AUTH, 'authorization'],
    ['08E6D3B2B10610A8031894D0', 'request_id'],
    ['PK\u0003\u0004\u0000', 'binary'],
    ['hello world', 'unknown'],
  ])('%j is %s', (text, what) => expect(pasted(text)).toEqual({ kind: 'other', what }));

  test('ten megabytes are looked at in passing', () => {
    expect(pasted('x '.repeat(5_000_000)).kind).toBe('other');
  });
});
