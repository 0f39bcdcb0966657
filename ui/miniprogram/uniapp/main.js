// The program itself holds nothing: who is logged in is known to shop.js, what is being ordered to its page.
import { createSSRApp } from 'vue'
import App from './App.vue'

export function createApp() {
  return { app: createSSRApp(App) }
}
