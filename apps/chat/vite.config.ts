import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  publicDir: 'web/public',
  build: { outDir: 'dist', target: 'es2023', modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: { proxy: { '/chatkit': 'http://127.0.0.1:3000', '/source': 'http://127.0.0.1:3000' } },
});
