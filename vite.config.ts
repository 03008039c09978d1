import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import { minify } from 'terser';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/**
 * Bytes, brotli. Every first visit downloads worker and loader, and every start of the worker compiles it (4 ms per 100 KB). The status page
 * is counted as it is.
 */
const BUDGETS: Readonly<Record<string, number>> = { worker: 35.75 * 1024, loader: 2 * 1024, status: 10 * 1024 };

const ENTRIES: Readonly<Record<string, string>> = {
  worker: 'src/worker/standalone.ts',
  loader: 'src/window/loader.ts',
  status: 'src/status/main.ts',
};

const PLUGINS: Readonly<Record<string, readonly Plugin[]>> = {
  worker: [plainIdb()],
  loader: [loaderPage()],
  status: [statusPage()],
};

/**
 * Bundles the two scripts and the page that a published site serves as they are, one for each `vite build --mode`. Everything else is compiled by tsc
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
      // Vite wants one; none of the scripts exports anything. Not `vouchsafe`, which the worker finds its configuration under.
      name: 'vouchsafeBundle',
      fileName: () => `${mode}.js`,
    },
  },
  plugins: [terser(), ...(PLUGINS[mode] ?? []), sizeBudget(mode)],
  test: {
    include: ['test/**/*.test.ts'],
    // Vitest would leave one of a small machine's processors to itself.
    maxWorkers: '100%',
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
    enforce: 'post',
    generateBundle(_options, bundle) {
      const budget = BUDGETS[mode];
      if (budget === undefined) this.error(`No bundle is called "${mode}".`);
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk' && mode !== 'status') continue;
        const bytes = Buffer.from(file.type === 'chunk' ? file.code : file.source);
        const brotli = brotliCompressSync(bytes).byteLength;
        const report = `${file.fileName}: ${bytes.length} bytes, ${brotli} brotli, budget ${budget}`;
        if ((mode === 'status' ? bytes.length : brotli) > budget) this.error(`Over its size budget: ${report}`);
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

/**
 * Minifies once more what Vite's own minifier made, which is smaller than what either makes alone. Nothing of it is unsafe: no property is renamed, no
 * built-in assumed to be as it was.
 */
function terser(): Plugin {
  return {
    name: 'terser',
    apply: 'build',
    enforce: 'post',
    async generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        const { code } = await minify(file.code, { compress: { ecma: 2020, passes: 4, hoist_funs: true }, mangle: true });
        if (code) file.code = `${code}\n`;
      }
    },
  };
}

/**
 * Leaves out of idb what the store does not use, and no bundler can know: that a database has the methods of its object stores, and that these can be
 * iterated over.
 */
function plainIdb(): Plugin {
  return {
    name: 'plain-idb',
    apply: 'build',
    transform(code, id) {
      if (!id.endsWith('/idb/build/index.js')) return null;
      const plain = code.replace(/^const readMethods = [\s\S]*?(?=^export )/m, '');
      if (plain === code || !plain.includes('export { deleteDB, openDB'))
        this.error('idb is not as it was: see what can be left out.');
      return plain;
    },
  };
}

/** Puts script and style into the page: one file, whose policy can name both by their hashes. */
function statusPage(): Plugin {
  return {
    name: 'status-page',
    apply: 'build',
    enforce: 'post',
    transform: (code, id) => (id.endsWith('/src/status/main.ts') ? `import './style.css';${code}` : null),
    generateBundle(_options, bundle) {
      // No text of the page goes over the end of a line, and no attribute that is one word needs its quotes.
      let page = readFileSync('src/status/page.html', 'utf8')
        .replaceAll(/\n\s*| type="button"|<\/(?:th|tr|thead|tbody|p|body|html)>/g, '')
        .replaceAll(/(?<=<[^>]*=)"([\w-]+)"(?=[ >])/g, '$1');
      for (const [name, file] of Object.entries(bundle)) {
        const isScript = file.type === 'chunk';
        // Vite signs its style sheets with a comment, and prepares them for `light-dark()`, which this one does not use.
        const text = String(isScript ? file.code : file.source)
          .replace(/\/\*\$vite\$.*/, '')
          .replaceAll(/--lightningcss-(light|dark):[^;]*;/g, '')
          .trim();
        if (/<\/|<!--/.test(text)) this.error(`${name} cannot stand in a page as it is.`);
        page = isScript ? `${page}<script>${text}</script>` : page.replace('</head>', () => `<style>${text}</style>`);
        delete bundle[name];
      }
      this.emitFile({ type: 'asset', fileName: 'status.html', source: page });
    },
  };
}
