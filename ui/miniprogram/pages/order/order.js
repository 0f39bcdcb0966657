// Choose, give a number, pay. Two quick taps are one order: while one is under way the second does nothing, and what is
// repeated (after a cancelled payment, after a lost answer) carries the key of the same order.
const api = require('../../api.js')
const config = require('../../config.js')

function word() {
  const part = () => Math.random().toString(36).slice(2, 12)
  return Date.now().toString(36) + '-' + part() + part()
}

function requestPayment(params) {
  return new Promise((resolve, reject) => wx.requestPayment(Object.assign({}, params, { success: resolve, fail: reject })))
}

Page({
  data: { packages: config.packages, chosen: 0, phone: '', wrong: {}, message: '', busy: false },

  // another draft is another order
  key: null,

  onPhone(event) {
    this.key = null
    this.setData({ phone: event.detail.value, wrong: {}, message: '' })
  },

  onChoose(event) {
    this.key = null
    this.setData({ chosen: Number(event.detail.value), wrong: {}, message: '' })
  },

  async onPay() {
    if (this.data.busy) return
    this.setData({ busy: true, wrong: {}, message: '' })
    try {
      await this.pay()
    } catch (error) {
      this.setData({ wrong: error.fields || {}, message: error.message || '没有成功，请再试一次。' })
    } finally {
      this.setData({ busy: false })
    }
  },

  async pay() {
    const one = this.data.packages[this.data.chosen]
    const draft = { phone: this.data.phone, packageType: one.type, packageId: one.id, rechargeAmount: one.price }
    this.key = this.key || word()
    const { orderNo } = await api.order(draft, this.key)
    let params
    try {
      params = await api.payParams(orderNo)
    } catch (error) {
      // paid or closed already: the result page knows what the server knows
      if (error.code === 'ORDER_NOT_OPEN') return this.toResult(orderNo)
      throw error
    }
    try {
      await requestPayment(params)
    } catch (error) {
      const said = String((error && error.errMsg) || '')
      if (/cancel/.test(said)) return this.setData({ message: '已取消支付，可以再次支付。' })
      // anything else says nothing about the money: ask the server
    }
    this.toResult(orderNo)
  },

  toResult(orderNo) {
    this.key = null
    wx.navigateTo({ url: '/pages/result/result?orderNo=' + encodeURIComponent(orderNo) })
  },
})
