// Talks to the merchant API: logs in when that is needed, and says what went wrong as { status, code, message, fields }.
// Nothing of an order is decided here, and no secret is ever here: the session_key stays at the server.
const config = require('./config.js')

let session = null
let loggingIn = null

function failure(status, error) {
  return { status, code: error.code, message: error.message, fields: error.fields || {} }
}

function send(method, path, data, header) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: config.api + path,
      method,
      data,
      header: Object.assign({ 'content-type': 'application/json' }, header),
      timeout: 15000,
      success: ({ statusCode, data }) => {
        if (statusCode >= 200 && statusCode < 300) return resolve(data)
        const error = (data && data.error) || { code: 'HTTP_' + statusCode, message: '服务暂时不可用，请稍后再试。' }
        reject(failure(statusCode, error))
      },
      fail: () => reject(failure(0, { code: 'NETWORK', message: '网络不通，请检查后再试。' })),
    })
  })
}

function code() {
  return new Promise((resolve, reject) => {
    const fail = () => reject(failure(0, { code: 'LOGIN', message: '微信登录没有成功，请再试一次。' }))
    wx.login({ success: (got) => (got.code ? resolve(got.code) : fail()), fail })
  })
}

// Several callers at once share one login: a code works once.
function login() {
  if (session) return Promise.resolve(session)
  if (!loggingIn) {
    loggingIn = code()
      .then((code) => send('POST', '/v1/login', { code }))
      .then((got) => (session = got))
      .finally(() => (loggingIn = null))
  }
  return loggingIn
}

// A token that no longer holds is fetched anew, once.
async function asUser(ask) {
  const mine = await login()
  try {
    return await ask(mine)
  } catch (error) {
    if (error.status !== 401) throw error
    if (session === mine) session = null
    return ask(await login())
  }
}

const bearer = ({ token }) => ({ authorization: 'Bearer ' + token })

module.exports = {
  // `key` is this order's own word: asked again with it, the server finds the same order.
  order: (draft, key) =>
    asUser((me) =>
      send('POST', '/v1/orders', Object.assign({ openid: me.openid }, draft), Object.assign({ 'idempotency-key': key }, bearer(me))),
    ),
  payParams: (orderNo) => asUser((me) => send('POST', '/v1/orders/' + orderNo + '/pay', undefined, bearer(me))),
  state: (orderNo) => asUser((me) => send('GET', '/v1/orders/' + orderNo, undefined, bearer(me))),
}
