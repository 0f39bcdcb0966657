// The one place where a program says which host it means: what a base URL of an SDK is.
const base = process.env.WECHATPAY_BASE_URL ?? 'https://api.mch.weixin.qq.com';
const answer = await fetch(`${base}/v3/certificates`, {
  headers: { Accept: 'application/json', 'User-Agent': 'shop/1', Authorization: process.env.AUTHORIZATION },
});
console.log(answer.status, answer.headers.get('Wechatpay-Serial'));
