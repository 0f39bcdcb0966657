// The merchant API as these pages call it, through `uni`.
import { connect } from './core.js'
import config from './config.js'

const api = connect(uni, config)

export { api, config }
