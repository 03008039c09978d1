import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** Bytes, brotli. Every first visit downloads worker and loader, and every start of the worker compiles it (4 ms per 100 KB). */
const BUDGETS: Readonly<Record<string, number>> = { worker: 15 * 1024, ed25519: 3 * 1024, loader: 4 * 1024 };

const ENTRIES: Readonly<Record<string, string>> = {
  worker: 'src/worker/standalone.ts',
  ed25519: 'src/tuf/ed25519-noble.ts',
  loader: 'src/window/loader.ts',
};

/**
 * Bundles the three scripts that a published site serves as they are, one for each `vite build --mode`. Everything else is compiled by tsc
 * alone.
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
      entry: ENTRIES[mode] ?? '',
      formats: ['iife'],
      // What the script's exports are found under. Only `ed25519` has any; `src/worker/ed25519-script.ts` uses them.
      name: 'vouchsafeEd25519',
      fileName: () => `${mode}.js`,
    },
  },
  plugins: [sizeBudget(mode), ...(mode === 'loader' ? [loaderPage()] : []), ...(mode === 'worker' ? [ed25519Script()] : [])],
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

/** Leaves noble out of the worker, which imports it as a script of its own where it needs it. */
function ed25519Script(): Plugin {
  return {
    name: 'ed25519-script',
    apply: 'build',
    enforce: 'pre',
    resolveId(source, importer) {
      return source.endsWith('/ed25519-noble.js') && importer ? this.resolve('../worker/ed25519-script.js', importer) : null;
    },
  };
}
