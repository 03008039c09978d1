import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from './fixtures.js';
import { statusOf, update } from './page-actions.js';

const REPOSITORY = fileURLToPath(new URL('../../', import.meta.url));

test('below a base path, with progressive delivery, register() on the first visit finds the worker where Vite’s build has put it', {
  tag: '@chromium',
}, async ({ page, folder, serve }) => {
  const app = join(folder, 'app');
  await mkdir(join(app, 'node_modules'), { recursive: true });
  await symlink(REPOSITORY, join(app, 'node_modules/vouchsafe'));
  await symlink(join(REPOSITORY, 'node_modules/vite'), join(app, 'node_modules/vite'));
  const files = {
    'package.json': '{ "name": "my-app", "private": true, "type": "module" }',
    'vite.config.js': `import { vouchsafe } from 'vouchsafe/vite';
      export default { base: '/docs/', plugins: [vouchsafe({ delivery: 'progressive' })] };`,
    'index.html': '<!doctype html><html lang="en"><title>Docs</title><script type="module" src="/main.js"></script></html>',
    'main.js': `import { register } from 'vouchsafe';
      document.title = await register().then(({ registration }) => registration.active.scriptURL, String);`,
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(app, file), text);
  // Out of the sight of the test runner, whose mode would be that of the build.
  const { NODE_ENV, NODE_OPTIONS, ...env } = process.env;
  for (const script of [
    ['dist/node/cli.js', 'init'],
    ['node_modules/vite/bin/vite.js', 'build'],
  ] as const)
    await promisify(execFile)(process.execPath, [join(REPOSITORY, script[0]), script[1]], { cwd: app, env });

  const server = await serve(join(app, 'published'), { base: '/docs/' });
  await page.goto(server.url);
  await expect(page).toHaveTitle(`${server.url}vouchsafe-worker.js`);
  expect(await page.evaluate(() => navigator.serviceWorker.ready.then(({ scope }) => scope))).toBe(server.url);
  expect((await update(page)).outcome).not.toBe('failed');
  await page.reload();
  expect((await statusOf(page)).pinned).toMatch(/^1-/);
});
