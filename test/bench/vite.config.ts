import { defineConfig } from 'vite';

/**
 * Bundles the bench with the sources as they are now; packages stay outside. What is measured is plain JavaScript, as it is in the package,
 * and no module runner's.
 */
export default defineConfig({
  publicDir: false,
  build: {
    ssr: true,
    target: 'es2022',
    outDir: 'node_modules/.cache/bench',
    emptyOutDir: true,
    rollupOptions: { input: ['test/bench/bench.ts', 'test/bench/tuf-child.ts'] },
  },
});
