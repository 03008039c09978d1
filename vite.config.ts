import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Bytes, brotli. Every first visit downloads the worker, and every start of it compiles it (4 ms per 100 KB). */
const BUDGETS: Readonly<Record<string, number>> = { worker: 14 * 1024, loader: 4 * 1024 };

/**
 * Bundles the two scripts that a published site serves as they are: `vite build --mode worker` and `vite build --mode loader`. Everything
 * else is compiled by tsc alone.
 */
export default defineConfig(({ mode }) => ({
  publicDir: false,
  // workbox-core asks which build it is in.
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    target: 'es2022',
    outDir: 'dist/bundles',
    emptyOutDir: false,
    reportCompressedSize: false,
    lib: {
      entry: mode === 'loader' ? 'src/window/loader.ts' : 'src/worker/standalone.ts',
      formats: ['iife'],
      name: 'vouchsafe',
      fileName: () => `${mode}.js`,
    },
  },
  plugins: [sizeBudget(mode), ...(mode === 'loader' ? [loaderPage()] : [])],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // The report is for `.ci/run`, which adds up all runners.
    reporters: ['default', 'json'],
    outputFile: { json: 'test-results/vitest.json' },
  },
}));

function sizeBudget(mode: string): Plugin {
  return {
    name: 'size-budget',
    apply: 'build',
    generateBundle(_options, bundle) {
      const budget = BUDGETS[mode];
      if (budget === undefined) this.error(`No bundle is called "${mode}".`);
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        const size = brotliCompressSync(chunk.code).byteLength;
        const report = `${chunk.fileName}: ${chunk.code.length} bytes, ${size} brotli, budget ${budget}`;
        if (size > budget) this.error(`Over its size budget: ${report}`);
        this.info(report);
      }
    },
  };
}

function loaderPage(): Plugin {
  return {
    name: 'loader-page',
    apply: 'build',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'loader.html', source: readFileSync('src/window/loader.html', 'utf8') });
    },
  };
}
