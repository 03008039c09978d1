import { HostileServer } from '../../dist/demo/hostile-server.js';
import { type PackedApp, packedApp } from '../pack/packed-app.js';
import { expect, test } from './fixtures.js';
import { openApp, statusOf, watchProblems } from './page-actions.js';

// Installing takes a while, and both tests want the same app.
test.describe.configure({ mode: 'serial' });

let app: PackedApp;
test.beforeAll(async () => {
  test.setTimeout(300_000);
  app = await packedApp();
});
test.afterAll(() => app?.remove());

test('an app made with the packed package, three lines and a build runs from verified bytes, its lazy chunk too', async ({
  page,
}) => {
  const server = await HostileServer.start(app.out);
  try {
    const problems = watchProblems(page);
    await openApp(page, `${server.origin}/`);
    await expect(page.locator('h1')).toHaveText('Runs from verified bytes');
    expect(problems).toEqual([]);
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', violations: [], targets: { version: 1 } });
    // Counted in one life of the worker, which Firefox here ends after half a second: asked too late, it is another life.
    await expect
      .poll(async () => {
        await page.reload();
        await expect(page.locator('h1')).toHaveText('Runs from verified bytes');
        return (await statusOf(page)).filesVerified;
      })
      .toBeGreaterThanOrEqual(3);
  } finally {
    await server.close();
  }
});

test('and one changed byte of its lazy chunk never runs', async ({ page }) => {
  const server = await HostileServer.start(app.out);
  try {
    server.lie({ match: /lazy-[\w-]+\.js$/, flip: 'last' });
    await page.goto(`${server.origin}/`, { waitUntil: 'commit' });
    await expect(page.locator('body')).toContainText(/lazy-[\w-]+\.js/);
    await expect(page.locator('body')).not.toContainText('Runs from verified bytes');
  } finally {
    await server.close();
  }
});
