import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type InlineConfig } from 'vite';
import type { App } from './apps.js';

const MODULES = 1000;
/** Set by each of these apps: comes to true when it is ready for its user, and marks when that was. */
const READY = 'ready';

const page = (title: string, head: string, body = '') => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,">
${head}
</head>
<body>${body}</body>
</html>
`;

/** monaco-editor shows a text. Nothing is asked of its web workers. */
const MONACO = `import * as monaco from 'monaco-editor';
globalThis.MonacoEnvironment = { getWorker: () => new Worker('/quiet-worker.js') };
globalThis.ready = new Promise((resolve) => {
  monaco.editor.create(document.getElementById('editor'), { value: 'const seven = "eight";\\n'.repeat(60), language: 'ini' });
  const look = () => {
    if (!document.querySelector('.view-line')) return requestAnimationFrame(look);
    performance.mark('ready');
    resolve(true);
  };
  look();
});
`;

/**
 * monaco-editor's full editor page.
 *
 * @param folder where to write it
 * @param kind as modules, as Vite builds them, or as one classic script
 */
export async function monacoApp(folder: string, kind: 'modules' | 'classic'): Promise<App> {
  const source = `${folder}-source`;
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'main.js'), MONACO);
  const body = '<div id="editor" style="height: 600px"></div>';
  if (kind === 'modules') {
    writeFileSync(join(source, 'index.html'), page('Monaco', '<script type="module" src="/main.js"></script>', body));
    await bundle(source, folder, {});
  } else {
    const lib = {
      entry: join(source, 'main.js'),
      formats: ['iife' as const],
      name: 'app',
      fileName: () => 'monaco.js',
      cssFileName: 'monaco',
    };
    await bundle(source, folder, { lib });
    writeFileSync(
      join(folder, 'index.html'),
      page('Monaco', '<link rel="stylesheet" href="monaco.css"><script defer src="monaco.js"></script>', body),
    );
  }
  writeFileSync(join(folder, 'quiet-worker.js'), 'onmessage = () => {};\n');
  return { name: `monaco-${kind}`, words: `monaco-editor, ${kind}`, folder, whole: READY };
}

/** An app of 1,000 modules that Vite has built and left apart, each with a preload link as Vite sets them. */
export async function modulesApp(folder: string): Promise<App> {
  const source = `${folder}-source`;
  mkdirSync(join(source, 'parts'), { recursive: true });
  for (let i = 0; i < MODULES; i++) {
    const children = [3 * i + 1, 3 * i + 2, 3 * i + 3].filter((child) => child < MODULES);
    const lines = [
      ...children.map((child) => `import { part${child} } from './part-${child}.js';`),
      `const words = ${JSON.stringify(Array.from({ length: 40 }, (_, word) => `part ${i} says word ${(i * 31 + word * 17) % 1009}`))};`,
      `globalThis.modulesRun = (globalThis.modulesRun ?? 0) + 1;`,
      `export const part${i} = () => words.length + ${children.map((child) => `part${child}()`).join(' + ') || 0};`,
    ];
    writeFileSync(join(source, `parts/part-${i}.js`), `${lines.join('\n')}\n`);
  }
  const main = `import { part0 } from './parts/part-0.js';
document.body.textContent = String(part0());
performance.mark('ready');
`;
  writeFileSync(join(source, 'main.js'), main);
  writeFileSync(join(source, 'index.html'), page('Modules', '<script type="module" src="/main.js"></script>'));
  await bundle(source, folder, { rolldownOptions: { output: { preserveModules: true } } });
  return { name: 'modules', words: 'a Vite app of 1,000 small modules', folder, whole: `modulesRun === ${MODULES}` };
}

/**
 * duckdb-wasm answers a query: 39 MB of WebAssembly.
 *
 * @param folder where to write it
 * @param packages where the package is installed
 */
export async function wasmApp(folder: string, packages: string): Promise<App> {
  const source = `${folder}-source`;
  mkdirSync(source, { recursive: true });
  const dist = join(packages, 'node_modules/@duckdb/duckdb-wasm/dist');
  const main = `import { AsyncDuckDB, VoidLogger } from ${JSON.stringify(join(dist, 'duckdb-browser.mjs'))};
globalThis.ready = (async () => {
  const database = new AsyncDuckDB(new VoidLogger(), new Worker('/duckdb-browser-mvp.worker.js'));
  await database.instantiate('/duckdb-mvp.wasm');
  const connection = await database.connect();
  const table = await connection.query('select sum(i)::int as sum from range(1000) t(i)');
  performance.mark('ready');
  return Number(table.get(0).sum) === 499500;
})();
`;
  writeFileSync(join(source, 'main.js'), main);
  writeFileSync(join(source, 'index.html'), page('WebAssembly', '<script type="module" src="/main.js"></script>'));
  await bundle(source, folder, {});
  for (const name of ['duckdb-mvp.wasm', 'duckdb-browser-mvp.worker.js']) cpSync(join(dist, name), join(folder, name));
  return { name: 'wasm', words: 'duckdb-wasm: 39 MB of WebAssembly, until its first query is answered', folder, whole: READY };
}

async function bundle(root: string, outDir: string, options: InlineConfig['build']): Promise<void> {
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    // The sources lie outside of any project.
    resolve: { alias: { 'monaco-editor': resolve('node_modules/monaco-editor') } },
    define: { 'process.env.NODE_ENV': '"production"' },
    build: { outDir, emptyOutDir: true, target: 'es2022', chunkSizeWarningLimit: 10_000, ...options },
  });
}
