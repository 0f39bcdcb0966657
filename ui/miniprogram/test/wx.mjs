// A stand-in of `wx` and of `uni`, enough for these pages: real HTTP, a login code of the sandbox, a pay sheet that a test
// plays. A page is opened as its framework would: `Page({…})` with `setData`, or a component's options with `data()`.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)

export const FORMS = ['native', 'uniapp']

/** The parts of a single-file component: its template and its script. */
export function parts(text) {
  const part = (tag) => new RegExp('<' + tag + '>\\n([\\s\\S]*?)\\n</' + tag + '>(?:\\n|$)').exec(text)?.[1] ?? ''
  return { template: part('template'), script: part('script') }
}

/** A phone with the mini-program freshly started. `sheet(params)` answers { errMsg } as the pay sheet would. */
export async function phone({ form = 'native', api, name = 'alice', gaps = [], packages, sheet }) {
  const opened = []
  const calls = { login: 0, request: 0, sheet: 0 }
  const platform = {
    login({ provider, success }) {
      calls.login += 1
      if (form === 'uniapp' && provider !== 'weixin') throw new Error('uni.login wants a provider')
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
            // the platform gives the text as it is
          }
          success({ statusCode: answer.status, data: parsed, header: {} })
        })
        .catch((error) => fail({ errMsg: 'request:fail ' + error.message }))
    },
    requestPayment({ provider, success, fail, ...params }) {
      calls.sheet += 1
      if (form === 'uniapp' && provider !== 'wxpay') throw new Error('uni.requestPayment wants a provider')
      Promise.resolve(sheet(params)).then((said) => (said.errMsg === 'requestPayment:ok' ? success(said) : fail(said)))
    },
    navigateTo({ url }) {
      opened.push(url)
    },
  }
  // each form has its own global and not the other's
  delete globalThis.wx
  delete globalThis.uni
  globalThis[form === 'native' ? 'wx' : 'uni'] = platform
  const load = form === 'native' ? native : await uniapp()
  Object.assign(load.config(), { api, gaps }, packages && { packages })

  /** Opens a page with its query. */
  function open(url) {
    const [place, query = ''] = url.replace(/^\//, '').split('?')
    const page = load.page(place)
    if (page.onLoad) page.onLoad(Object.fromEntries(new URLSearchParams(query)))
    return page
  }
  return { open, opened, calls }
}

const native = {
  config() {
    for (const file of Object.keys(require.cache)) if (file.startsWith(root)) delete require.cache[file]
    return require(path.join(root, 'config.js'))
  },
  page(place) {
    const file = path.join(root, place + '.js')
    let declared
    globalThis.Page = (page) => (declared = page)
    delete require.cache[file]
    require(file)
    const page = Object.assign({}, declared, { data: structuredClone(declared.data) })
    page.setData = function (change) {
      Object.assign(this.data, structuredClone(change))
    }
    return page
  },
}

// The scripts of the components as modules of a folder of their own, which no phone before has loaded.
async function uniapp() {
  const folder = mkdtempSync(path.join(tmpdir(), 'guitai-uniapp-'))
  try {
    cpSync(path.join(root, 'uniapp'), folder, { recursive: true })
    const pages = {}
    const walk = (at) => readdirSync(at).flatMap((name) => (statSync(path.join(at, name)).isDirectory() ? walk(path.join(at, name)) : [path.join(at, name)]))
    for (const file of walk(folder).filter((file) => file.endsWith('.vue'))) {
      const module = file.replace(/\.vue$/, '.script.js')
      writeFileSync(module, parts(readFileSync(file, 'utf8')).script)
      const place = path.relative(folder, file).replace(/\.vue$/, '').replaceAll(path.sep, '/')
      pages[place] = (await import(pathToFileURL(module).href)).default
    }
    const config = (await import(pathToFileURL(path.join(folder, 'config.js')).href)).default
    return { config: () => config, page: (place) => component(pages[place]) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A component as Vue makes it, but for the drawing; `data` is itself, as tests of both forms look at it. */
function component({ data, methods, ...hooks }) {
  const page = Object.assign({}, structuredClone(data()), methods, hooks)
  Object.defineProperty(page, 'data', { value: page })
  return page
}
