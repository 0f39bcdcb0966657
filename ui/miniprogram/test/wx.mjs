// A stand-in of `wx`, enough for these pages: real HTTP, a login code of the sandbox, a pay sheet that a test plays.
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import path from 'node:path'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

/** A phone with the mini-program freshly started. `sheet(params)` answers { errMsg } as the pay sheet would. */
export function phone({ api, name = 'alice', gaps = [], packages, sheet }) {
  for (const file of Object.keys(require.cache)) if (file.startsWith(root)) delete require.cache[file]
  const opened = []
  const calls = { login: 0, request: 0, sheet: 0 }
  globalThis.wx = {
    login({ success }) {
      calls.login += 1
      queueMicrotask(() => success({ code: 'sandbox-' + name, errMsg: 'login:ok' }))
    },
    request({ url, method, data, header, success, fail }) {
      calls.request += 1
      const body = data === undefined ? undefined : JSON.stringify(data)
      fetch(url, { method, headers: header, body })
        .then(async (answer) => {
          const text = await answer.text()
          let parsed = text
          try {
            parsed = JSON.parse(text)
          } catch {
            // wx gives the text as it is
          }
          success({ statusCode: answer.status, data: parsed, header: {} })
        })
        .catch((error) => fail({ errMsg: 'request:fail ' + error.message }))
    },
    requestPayment({ success, fail, ...params }) {
      calls.sheet += 1
      Promise.resolve(sheet(params)).then((said) => (said.errMsg === 'requestPayment:ok' ? success(said) : fail(said)))
    },
    navigateTo({ url }) {
      opened.push(url)
    },
  }
  const config = require(path.join(root, 'config.js'))
  Object.assign(config, { api, gaps }, packages && { packages })

  /** Opens a page, as the framework would: a copy of what it was declared as, with `setData`. */
  function open(url) {
    const [place, query = ''] = url.replace(/^\//, '').split('?')
    const file = path.join(root, place + '.js')
    let declared
    globalThis.Page = (page) => (declared = page)
    delete require.cache[file]
    require(file)
    const page = Object.assign({}, declared, { data: structuredClone(declared.data) })
    page.setData = function (change) {
      Object.assign(this.data, structuredClone(change))
    }
    if (page.onLoad) page.onLoad(Object.fromEntries(new URLSearchParams(query)))
    return page
  }
  return { open, opened, calls }
}
