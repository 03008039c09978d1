import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, type Page } from '@playwright/test';
import { build, type Plugin } from 'vite';
import { init } from '../../dist/node/init.js';
import { publish } from '../../dist/node/publish.js';
import { vouchsafe } from '../../dist/node/vite-plugin.js';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));
const APPS = join(REPOSITORY, 'test/browser/apps');

/** An app as it is found in the wild, and how to tell that all of it is there. */
export interface RealApp {
  readonly name: string;
  /**
   * Signs the app as its makers ship it.
   *
   * @param folder an empty folder for the app, its keys and its site
   * @returns the published directory
   */
  publish(folder: string): Promise<string>;
  /** Waits until what the app opens with is there, and has it load nothing else. */
  expectOpened(page: Page): Promise<void>;
  /** Has the app load the rest, and waits until all of it is there. Once for each time that it is opened. */
  expectWhole(page: Page): Promise<void>;
  /** One file of each kind, by what kind it is. */
  readonly kinds: Readonly<Record<string, string>>;
}

/** Signs a copy of these folders, the later ones over the earlier ones, as `vouchsafe init` and `vouchsafe publish` do. */
const publishFolders = async (folder: string, sources: readonly string[]): Promise<string> => {
  const directory = join(folder, 'app');
  const out = join(folder, 'out');
  const project = join(folder, 'project');
  for (const source of sources) await cp(source, directory, { recursive: true });
  await init({ project });
  await publish({ directory, out, project });
  return out;
};

/** Swagger UI: its own index.html, classic scripts, style sheets, icons, source maps, and a description that it fetches. */
export const swagger: RealApp = {
  name: 'swagger-ui-dist',
  publish: (folder) => publishFolders(folder, [join(REPOSITORY, 'node_modules/swagger-ui-dist'), join(APPS, 'swagger')]),
  async expectOpened(page) {
    await expect(page.locator('.info .title')).toContainText('Harbour');
    await expect(page.locator('.opblock')).toHaveCount(3);
  },
  async expectWhole(page) {
    await this.expectOpened(page);
    // The style sheets: the package's main one, and the small one beside index.html.
    await expect(page.locator('.opblock-post .opblock-summary-method').first()).toHaveCSS('background-color', 'rgb(73, 204, 144)');
    await expect(page.locator('body')).toHaveCSS('background-color', 'rgb(250, 250, 250)');
    await page.locator('.opblock-get .opblock-summary-control').click();
    await expect(page.locator('.opblock-body')).toContainText('The ships');
  },
  kinds: {
    page: 'index.html',
    script: 'swagger-ui-bundle.js',
    'style sheet': 'swagger-ui.css',
    image: 'favicon-32x32.png',
    data: 'harbour.json',
    'source map': 'swagger-ui.css.map',
    text: 'README.md',
    'file without an extension': 'LICENSE',
  },
};

/** The Monaco editor: some 150 files, an AMD loader, scripts and style sheets that it asks for as it goes, and web workers. */
export const monaco: RealApp = {
  name: 'monaco-editor',
  publish: (folder) => publishFolders(folder, [join(REPOSITORY, 'node_modules/monaco-editor/min'), join(APPS, 'monaco')]),
  async expectOpened(page) {
    await expect(page.locator('#editor .view-line').first()).toContainText('const');
    // Found by the TypeScript worker, whose script is on its way until then: a service worker that is stopped meanwhile takes it along.
    await expect(page.locator('#editor')).toHaveAttribute('data-marker', /not assignable to type 'number'/);
  },
  async expectWhole(page) {
    await this.expectOpened(page);
    const editor = page.locator('#editor');
    await page.evaluate(() => (window as unknown as { showPython(): void }).showPython());
    // Told apart and coloured by Python's lazy chunk: a keyword and a string.
    await expect(editor.locator('.mtk6', { hasText: 'def' })).toHaveCSS('color', 'rgb(0, 0, 255)');
    await expect(editor.locator('.mtk20', { hasText: 'gone' })).toHaveCSS('color', 'rgb(163, 21, 21)');
  },
  kinds: {
    page: 'index.html',
    'classic script': 'vs/loader.js',
    'AMD module': 'vs/editor/editor.main.js',
    'style sheet': 'vs/editor/editor.main.css',
    'lazy chunk': 'vs/python-CasA8BlK.js',
    'web worker': 'vs/assets/ts.worker-g3pjEjl4.js',
    // Not one of the type declarations: all are the same, and the worker has the bytes of one from another.
    translation: 'vs/nls/lang/de.js',
  },
};

/** A Vite app, signed by the plugin at the end of its build: the demo's, which has a card for each kind of file. */
export const viteApp: RealApp = {
  name: 'Vite app',
  async publish(folder) {
    const project = join(folder, 'project');
    const out = join(folder, 'out');
    await init({ project });
    await build({
      root: join(REPOSITORY, 'src/demo/app'),
      configFile: false,
      logLevel: 'warn',
      publicDir: join(REPOSITORY, 'public'),
      define: { RELEASE: '1' },
      plugins: [releaseFile, vouchsafe({ project, out })],
      build: {
        outDir: join(folder, 'app'),
        emptyOutDir: true,
        target: 'es2022',
        assetsInlineLimit: 0,
        rolldownOptions: { output: UNHASHED },
      },
      worker: { format: 'es', rolldownOptions: { output: UNHASHED } },
    });
    return out;
  },
  async expectOpened(page) {
    await expect(page.locator('html')).toHaveAttribute('data-ready', '1');
  },
  async expectWhole(page) {
    await this.expectOpened(page);
    await expect(page.locator('.parts > li')).toHaveCount(10);
    await expect(page.locator('.parts > li[data-state=shown]')).toHaveCount(10);
  },
  kinds: {
    page: 'index.html',
    'module script': 'assets/index.js',
    'lazy chunk': 'assets/lazy.js',
    'web worker': 'assets/primes.js',
    'style sheet': 'assets/index.css',
    image: 'day.png',
    'vector image': 'badge.svg',
    font: 'seven-by-five.woff2',
    data: 'release.json',
    WebAssembly: 'mandelbrot.wasm',
    'web app manifest': 'app.webmanifest',
  },
};

// Names that the table of kinds can hold.
const UNHASHED = {
  entryFileNames: 'assets/[name].js',
  chunkFileNames: 'assets/[name].js',
  assetFileNames: 'assets/[name][extname]',
};

const releaseFile: Plugin = {
  name: 'release-file',
  generateBundle() {
    this.emitFile({ type: 'asset', fileName: 'release.json', source: '{ "name": "Test", "notes": "built by a test." }\n' });
  },
};
