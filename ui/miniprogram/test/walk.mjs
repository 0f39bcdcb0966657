// The pages on a real desk and a real sandbox: node walk.mjs API SANDBOX APPID [uniapp]. The pay sheet checks the params as WeChat's
// client would, then the payer pays. Prints what the result page shows, as one line of JSON.
import { phone } from './wx.mjs'

const [api, sandbox, appId, form = 'native'] = process.argv.slice(2)

async function control(name, body) {
  const answer = await fetch(sandbox + '/_sandbox/' + name, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return answer.json()
}

const { open, opened, calls } = await phone({
  form,
  api,
  gaps: Array(100).fill(100),
  async sheet(params) {
    const verdict = await control('pay-params', { appId, ...params })
    if (!verdict.ok) return { errMsg: verdict.err_msg }
    await control('payments', { prepay_id: params.package.replace('prepay_id=', ''), outcome: 'SUCCESS' })
    return { errMsg: 'requestPayment:ok' }
  },
})
const page = open('/pages/order/order')
page.onChoose({ detail: { value: '1' } })
page.onPhone({ detail: { value: '13800138000' } })
await Promise.all([page.onPay(), page.onPay()])
if (opened.length === 0) {
  console.log(JSON.stringify({ message: page.data.message, wrong: page.data.wrong }))
  process.exit(1)
}
const result = open(opened[0])
await result.asked
console.log(JSON.stringify({ orderNo: result.data.orderNo, text: result.data.text, amount: result.data.amount, ...calls }))
