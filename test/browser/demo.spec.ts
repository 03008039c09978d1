import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test as base, expect, type FrameLocator, type Page } from '@playwright/test';

const START = fileURLToPath(new URL('../../dist/demo/start.js', import.meta.url));

interface Demo {
  readonly process: ChildProcess;
  readonly appUrl: string;
  readonly consoleUrl: string;
  /** Everything it has printed so far. */
  printed(): string;
}

/** Starts the demo as `npm start` does, in a folder and on ports of its own, and waits until it has printed its addresses. */
const startDemo = async (folder: string, ports: { app: number | string; console: number | string }): Promise<Demo> => {
  const env = { ...process.env, DEMO_FOLDER: folder, DEMO_PORT: String(ports.app), DEMO_CONSOLE_PORT: String(ports.console) };
  const demo = spawn(process.execPath, [START], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  const urls = new Promise<[string, string]>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      printed += chunk.toString();
      const [appUrl, consoleUrl] = printed.match(/http:\/\/localhost:\d+\//g) ?? [];
      if (appUrl !== undefined && consoleUrl !== undefined) resolve([appUrl, consoleUrl]);
    };
    demo.stdout.on('data', read);
    demo.stderr.on('data', read);
    demo.once('exit', () => reject(new Error(`The demo ended: ${printed}`)));
  });
  const [appUrl, consoleUrl] = await urls;
  return { process: demo, appUrl, consoleUrl, printed: () => printed };
};

/** Stops it as Ctrl-C does. @returns its exit code */
const stopDemo = async ({ process: demo }: Demo): Promise<unknown> => {
  const exit = once(demo, 'exit');
  demo.kill('SIGINT');
  return (await exit)[0];
};

// One demo for all of them, one after the other: starting it builds an app.
base.describe.configure({ mode: 'default' });

const test = base.extend<{ app: FrameLocator }, { demo: Demo }>({
  demo: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures a function needs from its first parameter's pattern.
    async ({}, use) => {
      const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-demo-'));
      const demo = await startDemo(join(folder, 'demo'), { app: 0, console: 0 });
      await use(demo);
      await stopDemo(demo);
      await rm(folder, { recursive: true, force: true });
    },
    { scope: 'worker', timeout: 120_000 },
  ],
  // The console is open, the server honest, and the app runs in the frame.
  app: async ({ page, demo }, use) => {
    await page.goto(demo.consoleUrl);
    await page.locator('#honest').click();
    const app = page.frameLocator('#app');
    await expectRunning(page, app);
    await use(app);
  },
});

const cards = (app: FrameLocator, state: 'shown' | 'refused') => app.locator(`.parts > li[data-state=${state}]`);

const expectRunning = async (page: Page, app: FrameLocator): Promise<void> => {
  await expect(page.locator('#running')).toHaveText(/^The app runs release \d+\.$/);
  await expect(cards(app, 'shown')).toHaveCount(10);
};

const refusedPaths = (app: FrameLocator): Promise<(string | null)[]> =>
  cards(app, 'refused').evaluateAll((items) => items.map((item) => item.getAttribute('data-path')));

const throwSwitch = async (page: Page, id: string): Promise<void> => {
  await page.locator(`#switch-${id}`).click();
  await expect(page.locator(`#switch-${id}`)).toHaveAttribute('aria-pressed', 'true');
};

/** Does something that loads the page in the frame again, and waits until the new one is there: the old one looks just the same. */
const reloading = async (app: FrameLocator, action: () => Promise<void>): Promise<void> => {
  await app.locator('html').evaluate((html) => html.setAttribute('data-old', ''));
  await action();
  await expect(app.locator('html:not([data-old])')).toBeAttached();
};

const expectRecovery = async (page: Page, app: FrameLocator): Promise<void> => {
  await reloading(app, () => page.locator('#honest').click());
  await expect(page.locator('#state')).toContainText('The server is honest');
  await expectRunning(page, app);
  await app.locator('#update').click();
  await expect(app.locator('#outcome')).toHaveAttribute('data-outcome', 'current');
};

test('the demo shows what the worker trusts', { tag: '@chromium' }, async ({ app, demo }) => {
  expect(demo.printed()).toContain('Throw one and watch');
  await expect(app.locator('#freshness')).toHaveText('fresh');
  for (const [role, version] of Object.entries({ root: '1', timestamp: '2', snapshot: '2', targets: '2' })) {
    const row = app.locator(`#roles tr[data-role=${role}]`);
    await expect(row).toContainText(version);
    await expect(row).toContainText(/in \d+ days/);
  }
  await expect(app.locator('#active')).toContainText(/Release 2-[0-9a-f]+: 17 files/);
  await expect(app.locator('#counts')).toContainText(/^\d\d+ files hashed and served/);
  await expect(app.locator('#violation-count')).toHaveText('– none so far');
});

/** Switches after which these cards are refused, with a violation of this code about the first of them. */
const REFUSED_FILES = {
  'A1 flip': { paths: ['assets/lazy.js'], code: 'mismatch' },
  'A6 old-file': { paths: ['assets/lazy.js', 'release.json', 'release.json'], code: 'mismatch' },
  'A8 swap': { paths: ['day.png', 'night.png'], code: 'mismatch' },
  'C3 truncate': { paths: ['day.png', 'night.png', 'mandelbrot.wasm'], code: 'unreachable' },
} as const;

for (const [name, { paths, code }] of Object.entries(REFUSED_FILES)) {
  const [, id = ''] = name.split(' ');
  test(`${name}: the demo refuses those files and shows the reason`, { tag: '@chromium' }, async ({ page, app }) => {
    await reloading(app, () => throwSwitch(page, id));
    await expect(cards(app, 'refused')).toHaveCount(paths.length);
    await expect(cards(app, 'shown')).toHaveCount(10 - paths.length);
    expect(new Set(await refusedPaths(app))).toEqual(new Set(paths));
    await expect(app.locator(`.violations > li[data-code=${code}]`, { hasText: paths[0] }).first()).toContainText('localhost');
    await expectRecovery(page, app);
  });
}

test('A1 flip: the demo’s refused page says which file, what was signed and what came', { tag: '@chromium' }, async ({
  page,
  app,
}) => {
  await page.locator('#file-flip').selectOption('index.html');
  await reloading(app, () => throwSwitch(page, 'flip'));
  await expect(app.locator('body')).toContainText(/mismatch.*index\.html.*expected.*sha256.*actual.*sha256/s);
  await expect(page.locator('#running')).toHaveText('The app does not run.');
  await expectRecovery(page, app);
});

/** Switches that refuse an update with this code. */
const REFUSED_UPDATES = {
  'A5 old-release': 'rollback',
  'A7 expired': 'expired',
  'C3 error': 'unreachable',
  'C3 portal': 'malformed',
} as const;

for (const [name, code] of Object.entries(REFUSED_UPDATES)) {
  const [, id = ''] = name.split(' ');
  test(`${name}: the demo refuses the update and goes on`, { tag: '@chromium' }, async ({ page, app }) => {
    await throwSwitch(page, id);
    await expect(app.locator('#outcome')).toContainText(`The update was refused (${code})`);
    await expect(app.locator(`.violations > li[data-code=${code}]`).first()).toBeVisible();
    await expect(app.locator('#freshness')).toHaveText('fresh');
    await reloading(app, () => app.locator('#reload').click());
    await expectRunning(page, app);
    await expectRecovery(page, app);
  });
}

test('C1 headers: the demo’s page sees signed headers only', { tag: '@chromium' }, async ({ page, app }) => {
  const seen = app.locator('.parts > li:last-child code').first();
  const before = await seen.textContent();
  expect(before).toContain('content-type: application/json');
  await reloading(app, () => throwSwitch(page, 'headers'));
  await expectRunning(page, app);
  await expect(seen).toHaveText(before ?? '');
  await expect(app.locator('#violation-count')).toHaveText('– none so far');
  await expectRecovery(page, app);
});

test('C15 offline: the demo opens from what is stored, and says so when nothing is', { tag: '@chromium' }, async ({
  page,
  app,
}) => {
  await reloading(app, () => throwSwitch(page, 'offline'));
  await expectRunning(page, app);
  await reloading(app, () => app.locator('#wipe').click());
  await expect(app.locator('body')).toContainText('unreachable');
  await expect(page.locator('#running')).toHaveText('The app does not run.');
  await expectRecovery(page, app);
});

test('the demo publishes the next release, which the app stages and the next navigation opens', { tag: '@chromium' }, async ({
  page,
  app,
}) => {
  const running = page.locator('#running');
  const release = Number(/\d+/.exec((await running.textContent()) ?? '')?.[0]);
  await page.locator('#publish').click();
  await expect(app.locator('#outcome')).toHaveAttribute('data-outcome', 'staged');
  await app.locator('#reload').click();
  await expect(running).toHaveText(`The app runs release ${release + 1}.`);
  await expectRunning(page, app);
  // What was the newest a moment ago is now the old release that an attacker replays.
  await throwSwitch(page, 'old-release');
  await expect(app.locator('#outcome')).toContainText('refused (rollback)');
  await expectRecovery(page, app);
  // And its files are recognised, since this browser has run it.
  await reloading(app, () => throwSwitch(page, 'old-file'));
  const recognised = app.locator('.violations > li', { hasText: 'older release' });
  await expect(recognised.filter({ hasText: 'assets/lazy.js' }).first()).toBeVisible();
  await expectRecovery(page, app);
});

test('the demo says when a newer release is ready, and its button opens it', { tag: '@chromium' }, async ({ page, app }) => {
  const running = page.locator('#running');
  const toast = app.locator('#toast');
  const release = Number(/\d+/.exec((await running.textContent()) ?? '')?.[0]);
  await expect(toast).toBeHidden();
  await page.locator('#publish').click();
  await expect(toast).toContainText('A newer release is ready.');
  await expect(toast).toBeVisible();
  await reloading(app, () => app.locator('#take').click());
  await expect(running).toHaveText(`The app runs release ${release + 1}.`);
  await expectRunning(page, app);
  await expect(toast).toBeHidden();
});

test('the demo starts again on what it has, takes a free port for a busy one, and ends on Ctrl-C', { tag: '@chromium' }, async ({
  demo,
  page,
}) => {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-demo-'));
  const first = await startDemo(folder, { app: 0, console: 0 });
  expect(first.printed()).toContain('Making keys');
  expect(await stopDemo(first)).toBe(0);
  expect(first.printed()).toContain('Stopped.');
  const again = await startDemo(folder, { app: new URL(demo.appUrl).port, console: new URL(demo.consoleUrl).port });
  expect(again.printed()).not.toContain('Making keys');
  expect(again.printed()).toContain(`Port ${new URL(demo.appUrl).port} is in use`);
  await page.goto(again.consoleUrl);
  await expectRunning(page, page.frameLocator('#app'));
  expect(await stopDemo(again)).toBe(0);
  await rm(folder, { recursive: true, force: true });
});
