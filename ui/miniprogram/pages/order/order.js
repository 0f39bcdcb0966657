// Choose, give a number, pay. What happens then is `checkout`'s; this page shows it.
const { checkout } = require('../../core.js')
const api = require('../../api.js')
const config = require('../../config.js')

Page({
  data: { packages: config.packages, chosen: 0, phone: '', wrong: {}, message: '', busy: false },

  onLoad() {
    this.till = checkout({
      api,
      packages: config.packages,
      show: (change) => this.setData(change),
      toResult: (orderNo) => wx.navigateTo({ url: '/pages/result/result?orderNo=' + encodeURIComponent(orderNo) }),
    })
  },

  onPhone(event) {
    this.till.phone(event.detail.value)
  },

  onChoose(event) {
    this.till.choose(Number(event.detail.value))
  },

  onPay() {
    return this.till.pay()
  },
})
