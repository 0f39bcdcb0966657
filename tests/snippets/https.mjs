// On node:https, which axios, superagent and got stand on.
import { get } from 'node:https';

const headers = { Accept: 'application/json', 'User-Agent': 'shop/1', Authorization: process.env.AUTHORIZATION };
get('https://api.mch.weixin.qq.com/v3/certificates', { headers }, (answer) => {
  console.log(answer.statusCode, answer.headers['wechatpay-serial']);
  answer.resume();
});
