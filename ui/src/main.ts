// Where the page begins: a backend, a desk, the window.

import { mount } from 'svelte';
import App from './App.svelte';
import { inProgram, tauri, type Backend } from './backend/call';
import './style/tokens.css';
import './style/base.css';

async function backend(): Promise<Backend> {
  // Only `vite dev` and the preview carry the fake; the program's page has none.
  if ((import.meta.env.DEV || import.meta.env.MODE === 'preview') && !inProgram()) {
    const { fake } = await import('./backend/fake');
    const wish = new URLSearchParams(location.search);
    return fake({ empty: wish.has('empty'), language: wish.get('lang') === 'en' ? 'en' : 'zh', theme: wish.get('theme') === 'dark' ? 'dark' : 'light' });
  }
  return tauri();
}

const root = document.getElementById('root');
if (root) mount(App, { target: root, props: { backend: await backend() } });
