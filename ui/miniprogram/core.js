// What both forms of the mini-program share: talking to the merchant API, ordering once, and asking what became of it.
// It knows neither pages nor a platform: `platform` is `wx` or `uni`, `show` hands a page what it shows.
// uniapp/core.js is this text with another last line, because the one form takes CommonJS and the other ES modules.

// ---- The merchant API: logs in when that is needed, and says what went wrong as { status, code, message, fields }.
// Nothing of an order is decided here, and no secret is ever here: the session_key stays at the server.
function connect(platform, config) {
  let session = null
  let loggingIn = null

  function failure(status, error) {
    return { status, code: error.code, message: error.message, fields: error.fields || {} }
  }

  function send(method, path, data, header) {
    return new Promise((resolve, reject) => {
      platform.request({
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
      platform.login({ provider: 'weixin', success: (got) => (got.code ? resolve(got.code) : fail()), fail })
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

  return {
    // `key` is this order's own word: asked again with it, the server finds the same order.
    order: (draft, key) =>
      asUser((me) =>
        send('POST', '/v1/orders', Object.assign({ openid: me.openid }, draft), Object.assign({ 'idempotency-key': key }, bearer(me))),
      ),
    payParams: (orderNo) => asUser((me) => send('POST', '/v1/orders/' + orderNo + '/pay', undefined, bearer(me))),
    state: (orderNo) => asUser((me) => send('GET', '/v1/orders/' + orderNo, undefined, bearer(me))),
    // the pay sheet; `provider` is what uni asks for and wx doesn't look at
    pay: (params) =>
      new Promise((resolve, reject) => platform.requestPayment(Object.assign({ provider: 'wxpay' }, params, { success: resolve, fail: reject }))),
  }
}

function word() {
  const part = () => Math.random().toString(36).slice(2, 12)
  return Date.now().toString(36) + '-' + part() + part()
}

// ---- Choose, give a number, pay. Two quick taps are one order: while one is under way the second does nothing, and what is
// repeated (after a cancelled payment, after a lost answer) carries the key of the same order.
function checkout({ api, packages, show, toResult }) {
  let phone = ''
  let chosen = 0
  let busy = false
  // another draft is another order
  let key = null

  function leave(orderNo) {
    key = null
    toResult(orderNo)
  }

  async function order() {
    const one = packages[chosen]
    const draft = { phone, packageType: one.type, packageId: one.id, rechargeAmount: one.price }
    key = key || word()
    const { orderNo } = await api.order(draft, key)
    let params
    try {
      params = await api.payParams(orderNo)
    } catch (error) {
      // paid or closed already: the result page knows what the server knows
      if (error.code === 'ORDER_NOT_OPEN') return leave(orderNo)
      throw error
    }
    try {
      await api.pay(params)
    } catch (error) {
      const said = String((error && error.errMsg) || '')
      if (/cancel/.test(said)) return show({ message: '已取消支付，可以再次支付。' })
      // anything else says nothing about the money: ask the server
    }
    leave(orderNo)
  }

  return {
    phone(value) {
      key = null
      phone = value
      show({ phone, wrong: {}, message: '' })
    },

    choose(index) {
      key = null
      chosen = index
      show({ chosen, wrong: {}, message: '' })
    },

    async pay() {
      if (busy) return
      busy = true
      show({ busy, wrong: {}, message: '' })
      try {
        await order()
      } catch (error) {
        show({ wrong: error.fields || {}, message: error.message || '没有成功，请再试一次。' })
      } finally {
        busy = false
        show({ busy })
      }
    },
  }
}

// ---- What became of an order. The server is asked, never the client believed: the pay sheet's success only says that it
// closed well, and its failure may come after the money went.
const WAITING = ['CREATED', 'NOTPAY', 'USERPAYING']
const TEXTS = {
  SUCCESS: ['success', '支付成功'],
  REFUND: ['info', '已转入退款'],
  CLOSED: ['warn', '订单已关闭'],
  REVOKED: ['warn', '订单已撤销'],
  PAYERROR: ['warn', '支付失败'],
}

function outcome({ api, gaps, show, orderNo }) {
  let gone = false
  let timer = null

  return {
    async ask() {
      show({ asking: true, text: '正在确认支付结果…', icon: 'waiting' })
      let problem = ''
      for (let turn = 0; !gone; turn += 1) {
        try {
          const order = await api.state(orderNo)
          problem = ''
          if (gone) return
          show({ description: order.description, amount: (order.amount.total / 100).toFixed(2) })
          if (!WAITING.includes(order.state)) {
            const [icon, text] = TEXTS[order.state] || ['info', '订单状态：' + order.state]
            return show({ icon, text, asking: false, done: true })
          }
        } catch (error) {
          problem = error.message
          if (error.status === 404) break
        }
        if (turn >= gaps.length) break
        await new Promise((resolve) => (timer = setTimeout(resolve, gaps[turn])))
      }
      if (!gone) show({ asking: false, icon: 'info', text: problem || '还没有收到支付结果，稍后再看；请不要重复支付。' })
    },

    leave() {
      gone = true
      clearTimeout(timer)
    },
  }
}

module.exports = { connect, checkout, outcome }
