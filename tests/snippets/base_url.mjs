// For a Node.js that takes no proxy from the environment: the one place where a program says which host it means.
const base = process.env.WECHATPAY_BASE_URL ?? 'https://api.mch.weixin.qq.com';
const answer = await fetch(`${base}/v3/certificates`, {
  headers: { Accept: 'application/json', 'User-Agent': 'shop/1', Authorization: process.env.AUTHORIZATION },
});
console.log(answer.status, answer.headers.get('Wechatpay-Serial'));
