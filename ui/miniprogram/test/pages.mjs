// The pages of both forms against a server that keeps to the merchant API's contract and can be told to misbehave.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { readFileSync, existsSync } from 'node:fs'
import { after, before, beforeEach, test } from 'node:test'
import { FORMS, parts, phone } from './wx.mjs'

let server, api, shop

function fresh() {
  return { orders: new Map(), keys: new Map(), tokens: 0, expired: new Set(), refuse: {}, cut: 0, seen: [] }
}

function answer(request, body) {
  const { method, url, headers } = request
  shop.seen.push(method + ' ' + url)
  if (method === 'POST' && url === '/v1/login') {
    shop.tokens += 1
    return [200, { openid: 'o' + body.code, token: 't' + shop.tokens, expires_in: 7200 }]
  }
  const token = (headers.authorization || '').replace('Bearer ', '')
  if (!token || shop.expired.has(token)) return [401, { error: { code: 'UNAUTHORIZED', message: '请先登录。' } }]
  if (method === 'POST' && url === '/v1/orders') {
    if (shop.refuse.fields) return [400, { error: { code: 'PARAM_ERROR', message: '参数错误.', fields: shop.refuse.fields } }]
    const key = headers['idempotency-key']
    const known = shop.keys.get(key)
    if (known) return [200, known]
    const order = { orderNo: 'GT00000' + shop.orders.size, description: '流量包', amount: { total: 1200, currency: 'CNY' }, state: 'CREATED' }
    shop.orders.set(order.orderNo, order)
    shop.keys.set(key, order)
    return [201, order]
  }
  const [, no, pay] = url.match(/^\/v1\/orders\/([^/]+)(\/pay)?$/) || []
  const order = shop.orders.get(no)
  if (!order) return [404, { error: { code: 'ORDER_NOT_FOUND', message: '没有这个订单。' } }]
  if (!pay) return [200, order]
  if (order.state === 'SUCCESS') return [409, { error: { code: 'ORDER_NOT_OPEN', message: '订单已支付。' } }]
  order.state = 'NOTPAY'
  return [200, { timeStamp: '1', nonceStr: 'n', package: 'prepay_id=' + no, signType: 'RSA', paySign: 's' }]
}

before(async () => {
  server = createServer((request, response) => {
    let text = ''
    request.on('data', (part) => (text += part))
    request.on('end', () => {
      const [status, body] = answer(request, text ? JSON.parse(text) : undefined)
      if (shop.cut > 0) {
        shop.cut -= 1
        return request.socket.destroy()
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  api = 'http://127.0.0.1:' + server.address().port
})
after(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => (shop = fresh()))

const paid = ({ package: handle }) => {
  shop.orders.get(handle.replace('prepay_id=', '')).state = 'SUCCESS'
  return { errMsg: 'requestPayment:ok' }
}
const type = (page, value) => page.onPhone({ detail: { value } })

for (const form of FORMS) {
  test(form + ': two quick taps are one order and one payment, and the result is the server’s', async () => {
    const { open, opened, calls } = await phone({ form, api, sheet: paid })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    await Promise.all([page.onPay(), page.onPay()])
    assert.deepEqual([shop.orders.size, calls.sheet, calls.login, page.data.busy], [1, 1, 1, false])
    assert.deepEqual(opened, ['/pages/result/result?orderNo=GT000000'])
    const result = open(opened[0])
    await result.asked
    assert.deepEqual([result.data.text, result.data.amount, result.data.done], ['支付成功', '12.00', true])
  })

  test(form + ': fields that the server names are shown beside them', async () => {
    const { open, opened } = await phone({ form, api, sheet: paid })
    shop.refuse.fields = { phone: '须为 11 位手机号' }
    const page = open('/pages/order/order')
    await page.onPay()
    assert.deepEqual([page.data.wrong, page.data.message, page.data.busy], [{ phone: '须为 11 位手机号' }, '参数错误.', false])
    type(page, '13800138000')
    assert.deepEqual([page.data.wrong, page.data.message, opened], [{}, '', []])
  })

  test(form + ': a cancelled payment goes on with the same order; another choice is another order', async () => {
    let sheet = () => ({ errMsg: 'requestPayment:fail cancel' })
    const { open, opened } = await phone({ form, api, sheet: (params) => sheet(params) })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    await page.onPay()
    assert.match(page.data.message, /已取消/)
    await page.onPay()
    assert.equal(shop.orders.size, 1)
    page.onChoose({ detail: { value: '1' } })
    sheet = paid
    await page.onPay()
    assert.equal(shop.orders.size, 2)
    assert.deepEqual(opened, ['/pages/result/result?orderNo=GT000001'])
  })

  test(form + ': a lost answer is repeated under the same key', async () => {
    const { open } = await phone({ form, api, sheet: paid })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    await page.onPay()
    assert.equal(shop.orders.size, 1)
    // the server keeps the next order, and its answer is lost
    type(page, '13800138001')
    shop.cut = 1
    await page.onPay()
    assert.deepEqual([page.data.message, shop.orders.size], ['网络不通，请检查后再试。', 2])
    await page.onPay()
    assert.equal(shop.orders.size, 2, 'found again, not made again')
  })

  test(form + ': what the pay sheet says is not believed', async () => {
    for (const [errMsg, state, text] of [
      ['requestPayment:ok', 'NOTPAY', /还没有收到支付结果/],
      ['requestPayment:fail system error', 'SUCCESS', /支付成功/],
      ['requestPayment:ok', 'CLOSED', /已关闭/],
      ['requestPayment:ok', 'SOMETHING_NEW', /SOMETHING_NEW/],
    ]) {
      shop = fresh()
      const { open, opened } = await phone({ form, api, gaps: [1, 1], sheet: () => ({ errMsg }) })
      const page = open('/pages/order/order')
      type(page, '13800138000')
      await page.onPay()
      shop.orders.get('GT000000').state = state
      const result = open(opened[0])
      await result.asked
      assert.match(result.data.text, text, errMsg + ' ' + state)
      assert.equal(result.data.done, state !== 'NOTPAY')
      if (state === 'NOTPAY') {
        shop.orders.get('GT000000').state = 'SUCCESS'
        result.onAgain()
        await result.asked
        assert.equal(result.data.text, '支付成功')
      }
    }
  })

  test(form + ': an order that is paid already leads to its result instead of a second payment', async () => {
    const { open, opened, calls } = await phone({ form, api, sheet: () => ({ errMsg: 'requestPayment:fail cancel' }) })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    await page.onPay()
    shop.orders.get('GT000000').state = 'SUCCESS'
    await page.onPay()
    assert.deepEqual([calls.sheet, opened], [1, ['/pages/result/result?orderNo=GT000000']])
  })

  test(form + ': a token that no longer holds is fetched anew, once', async () => {
    const { open, calls } = await phone({ form, api, sheet: paid })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    shop.expired.add('t1')
    await page.onPay()
    assert.deepEqual([calls.login, shop.orders.size, page.data.message], [2, 1, ''])
    type(page, '13800138001')
    shop.expired.add('t2').add('t3')
    await page.onPay()
    assert.deepEqual([calls.login, page.data.message, page.data.busy], [3, '请先登录。', false])
  })

  test(form + ': a page that was left asks no more', async () => {
    const { open, opened } = await phone({ form, api, gaps: [1, 60_000], sheet: () => ({ errMsg: 'requestPayment:ok' }) })
    const page = open('/pages/order/order')
    type(page, '13800138000')
    await page.onPay()
    const result = open(opened[0])
    result.onUnload()
    const before = result.data.text
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([result.data.text, result.data.done], [before, false])
  })
}

test('every page of app.json has its four files, and its markup calls only what is there', async () => {
  const root = new URL('..', import.meta.url)
  const read = (name) => readFileSync(new URL(name, root), 'utf8')
  const { open } = await phone({ api, sheet: paid })
  for (const page of JSON.parse(read('app.json')).pages) {
    for (const kind of ['.js', '.json', '.wxml', '.wxss']) assert.ok(existsSync(new URL(page + kind, root)), page + kind)
    const declared = open(page + '?orderNo=GT0000')
    if (declared.onUnload) declared.onUnload()
    for (const [, handler] of read(page + '.wxml').matchAll(/bind\w+="(\w+)"/g)) {
      assert.equal(typeof declared[handler], 'function', page + ': ' + handler)
    }
    for (const [, name] of read(page + '.wxml').matchAll(/\{\{!?(\w+)/g)) {
      assert.ok(name in declared.data || name === 'item' || name === 'index', page + ': ' + name)
    }
  }
})

test('every page of pages.json is there, balanced, and its template calls only what its script has', async () => {
  const root = new URL('../uniapp/', import.meta.url)
  const read = (name) => readFileSync(new URL(name, root), 'utf8')
  const { open } = await phone({ form: 'uniapp', api, sheet: paid })
  for (const { path: page } of JSON.parse(read('pages.json')).pages) {
    const { template, script } = parts(read(page + '.vue'))
    assert.notEqual(script, '', page)
    const stack = []
    for (const [, close, tag, empty] of template.matchAll(/<(\/?)([a-z-]+)(?:"[^"]*"|[^">])*?(\/?)>/g)) {
      if (close) assert.equal(stack.pop(), tag, page + ': </' + tag + '>')
      else if (!empty) stack.push(tag)
    }
    assert.deepEqual(stack, [], page)
    const declared = open(page + '?orderNo=GT0000')
    if (declared.onUnload) declared.onUnload()
    for (const [, handler] of template.matchAll(/@\w+="(\w+)"/g)) assert.equal(typeof declared[handler], 'function', page + ': ' + handler)
    for (const [, name] of template.matchAll(/(?:\{\{ |(?::\w+|v-if)="!?)([a-z]\w*)/g)) {
      assert.ok(name in declared || name === 'item' || name === 'index', page + ': ' + name)
    }
  }
  const manifest = JSON.parse(read('manifest.json'))
  assert.equal(manifest.vueVersion, '3')
  assert.ok('mp-weixin' in manifest)
})

test('both forms share one core, and sell the same', () => {
  const read = (name) => readFileSync(new URL('../' + name, import.meta.url), 'utf8')
  assert.equal(read('uniapp/core.js'), read('core.js').replace(/^module\.exports = (\{.*\})$/m, 'export $1'))
  assert.equal(read('uniapp/config.js'), read('config.js').replace(/^module\.exports =/m, 'export default'))
})
