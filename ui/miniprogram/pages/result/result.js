// What became of an order, as the server says it.
const { outcome } = require('../../core.js')
const api = require('../../api.js')
const config = require('../../config.js')

Page({
  data: { orderNo: '', description: '', amount: '', icon: 'waiting', text: '正在确认支付结果…', asking: false, done: false },

  onLoad(query) {
    const orderNo = decodeURIComponent(query.orderNo || '')
    this.setData({ orderNo })
    this.outcome = outcome({ api, gaps: config.gaps, orderNo, show: (change) => this.setData(change) })
    this.asked = this.outcome.ask()
  },

  onUnload() {
    this.outcome.leave()
  },

  onAgain() {
    if (!this.data.asking) this.asked = this.outcome.ask()
  },
})
