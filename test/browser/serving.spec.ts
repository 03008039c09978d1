import { EVERYTHING, FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, requestsPastTheWorker, test } from './fixtures.js';
import { openApp, statusOf, watchProblems } from './page-actions.js';

test('the first visit shows the loader and then the whole app, from verified bytes only', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  const problems = watchProblems(page);
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(problems).toEqual([]);
  // The loader at `/` is all that was ever asked for under the app's own URLs.
  expect(requestsPastTheWorker(site)).toEqual(['/']);
  expect(await statusOf(page)).toMatchObject({
    freshness: 'fresh',
    root: { version: 1 },
    timestamp: { version: 1 },
    targets: { version: 1 },
    violations: [],
  });
  // Counted in one life of the worker, which Firefox here ends after half a second: asked too late, it is another life.
  await expect
    .poll(async () => {
      await page.reload();
      await proofOf(page);
      return (await statusOf(page)).filesVerified;
    })
    .toBeGreaterThan(10);
});
