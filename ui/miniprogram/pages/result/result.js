// What became of an order. The server is asked, never the client believed: wx.requestPayment's success only says that the
// pay sheet closed well, and its failure may come after the money went.
const api = require('../../api.js')
const config = require('../../config.js')

const WAITING = ['CREATED', 'NOTPAY', 'USERPAYING']
const TEXTS = {
  SUCCESS: ['success', '支付成功'],
  REFUND: ['info', '已转入退款'],
  CLOSED: ['warn', '订单已关闭'],
  REVOKED: ['warn', '订单已撤销'],
  PAYERROR: ['warn', '支付失败'],
}

Page({
  data: { orderNo: '', description: '', amount: '', icon: 'waiting', text: '正在确认支付结果…', asking: false, done: false },

  onLoad(query) {
    this.setData({ orderNo: decodeURIComponent(query.orderNo || '') })
    this.asked = this.ask()
  },

  onUnload() {
    this.gone = true
    clearTimeout(this.timer)
  },

  onAgain() {
    if (!this.data.asking) this.asked = this.ask()
  },

  async ask() {
    this.setData({ asking: true, text: '正在确认支付结果…', icon: 'waiting' })
    let problem = ''
    for (let turn = 0; !this.gone; turn += 1) {
      try {
        const order = await api.state(this.data.orderNo)
        problem = ''
        if (this.gone) return
        this.setData({ description: order.description, amount: (order.amount.total / 100).toFixed(2) })
        if (!WAITING.includes(order.state)) return this.show(order.state)
      } catch (error) {
        problem = error.message
        if (error.status === 404) break
      }
      if (turn >= config.gaps.length) break
      await new Promise((resolve) => (this.timer = setTimeout(resolve, config.gaps[turn])))
    }
    if (!this.gone) this.setData({ asking: false, icon: 'info', text: problem || '还没有收到支付结果，稍后再看；请不要重复支付。' })
  },

  show(state) {
    const [icon, text] = TEXTS[state] || ['info', '订单状态：' + state]
    this.setData({ icon, text, asking: false, done: true })
  },
})
