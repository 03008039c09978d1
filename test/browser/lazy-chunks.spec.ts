import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { build } from 'vite';
import { init } from '../../dist/node/init.js';
import { vouchsafe } from '../../dist/node/vite-plugin.js';
import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { ask, openApp, statusOf, stopWorker, update } from './page-actions.js';

const SOURCES = (release: string): Record<string, string> => ({
  'index.html': `<!doctype html><html lang="en"><meta charset="utf-8"><title>${release}</title><p id="lazy"></p><script type="module" src="/main.js"></script></html>`,
  'main.js': `
    window.preloadErrors = [];
    addEventListener('vite:preloadError', ({ payload }) => window.preloadErrors.push(String(payload)));
    window.first = () => import('./first.js').then(({ show }) => show());
    window.second = () => import('./second.js').then(({ show }) => show());
    document.documentElement.dataset.ready = '${release}';`,
  // Both chunks have a style sheet each, and share a third chunk, which Vite's code preloads.
  'first.js': `import './first.css'; import { say } from './shared.js'; export const show = () => say('first ${release}');`,
  'second.js': `import './second.css'; import { say } from './shared.js'; export const show = () => say('second ${release}');`,
  'shared.js': `export const say = (text) => { document.getElementById('lazy').textContent = text + ' shared ${release}'; };`,
  'first.css': `#lazy { --first: "${release}" }`,
  'second.css': `#lazy { --second: "${release}" }`,
});

/** Builds a release of an app with lazy chunks as everybody does, and signs it; the server then has no file of an earlier one. */
async function buildRelease(folder: string, release: string): Promise<string> {
  const root = join(folder, `app-${release}`);
  const out = join(folder, 'out');
  await mkdir(root, { recursive: true });
  for (const [file, text] of Object.entries(SOURCES(release))) await writeFile(join(root, file), text);
  await rm(join(out, 'vouchsafe/targets'), { recursive: true, force: true });
  await build({
    root,
    configFile: false,
    logLevel: 'warn',
    plugins: [vouchsafe({ project: join(folder, 'project'), out, lookSeconds: 0 })],
  });
  const chunks = await readdir(join(root, 'dist/assets'));
  expect(chunks).toEqual(
    expect.arrayContaining(['first', 'second'].map((name) => expect.stringMatching(new RegExp(`^${name}-.*\\.css$`)))),
  );
  return out;
}

/** Has a page import one of its lazy chunks: what it shows then, its style, and how often Vite's code found something missing. */
const lazy = (page: Page, name: 'first' | 'second') =>
  page.evaluate(async (chunk) => {
    const app = window as unknown as Record<'first' | 'second', () => Promise<void>> & { preloadErrors: string[] };
    const failed = await app[chunk]().then(
      () => undefined,
      (error: unknown) => String(error),
    );
    const element = document.getElementById('lazy');
    const style = element ? getComputedStyle(element).getPropertyValue(`--${chunk}`).trim() : '';
    return { text: element?.textContent, style, failed, preloadErrors: app.preloadErrors };
  }, name);

const shown = (name: string, release: string) => ({
  text: `${name} ${release} shared ${release}`,
  style: `"${release}"`,
  failed: undefined,
  preloadErrors: [],
});

test('C14 vite:preloadError never happens: an old page of a Vite app imports the lazy chunks and styles of its own release', async ({
  page,
  folder,
  serve,
}) => {
  await init({ project: join(folder, 'project') });
  const server = await serve(await buildRelease(folder, 'one'));
  await openApp(page, server.url);
  const since = server.requests.length;

  // Another tab brings the next release and makes it the active one.
  await buildRelease(folder, 'two');
  const two = await page.context().newPage();
  await openApp(two, server.url);
  if ((await two.title()) === 'one') {
    await update(two);
    await ask(two, 'activate');
    await two.reload();
  }
  await two.waitForSelector('html[data-ready=two]');
  expect(await page.title()).toBe('one');
  expect(await lazy(page, 'first')).toEqual(shown('first', 'one'));

  // Also by a worker that has just started, and with nobody there.
  const life = await stopWorker(two);
  await server.goOffline();
  expect(await lazy(page, 'second')).toEqual(shown('second', 'one'));
  expect(await lazy(two, 'second')).toEqual(shown('second', 'two'));
  await server.goOnline();
  const status = await statusOf(page);
  expect(status.life).not.toBe(life);
  expect(status.violations).toEqual([]);
  expect(requestsPastTheWorker({ server }, since)).toEqual([]);
  await page.reload();
  expect(await lazy(page, 'first')).toEqual(shown('first', 'two'));
});
