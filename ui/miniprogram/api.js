// The merchant API as this mini-program calls it, through `wx`.
const { connect } = require('./core.js')
const config = require('./config.js')

module.exports = connect(wx, config)
