const answer = await fetch('https://api.mch.weixin.qq.com/v3/certificates', {
  headers: { Accept: 'application/json', 'User-Agent': 'shop/1', Authorization: process.env.AUTHORIZATION },
});
console.log(answer.status, answer.headers.get('Wechatpay-Serial'));
