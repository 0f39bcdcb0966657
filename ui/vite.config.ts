import { svelte } from '@sveltejs/vite-plugin-svelte';
import { svelteTesting } from '@testing-library/svelte/vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  clearScreen: false,
  server: { port: 1420, strictPort: true },
  // The preview is locked as the program locks its window, so that what breaks there breaks here too.
  preview: { port: 1421, strictPort: true, headers: { 'Content-Security-Policy': "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'" } },
  // WebKitGTK 2.50 is what draws the page; nothing is inlined, so that the page can be locked to its own files.
  build: { target: 'safari16.4', outDir: 'dist', emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0, cssCodeSplit: false, modulePreload: { polyfill: false } },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
});
