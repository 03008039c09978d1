import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { FIXTURE_APP } from './fixture-app.js';
import { expect, test } from './fixtures.js';
import { addLibrary } from './library.js';
import { openApp } from './page-actions.js';

test('register() finds the worker while the server holds back what the browser looks for a newer one with', async ({
  page,
  publishSite,
  folder,
}) => {
  const app = join(folder, 'app');
  await cp(FIXTURE_APP, app, { recursive: true });
  const site = await publishSite(await addLibrary(app));
  await openApp(page, site.url);
  site.server.lie({
    match: (path, headers) => path.endsWith('/vouchsafe-worker.js') && headers['service-worker'] === 'script',
    hold: true,
  });
  const held = site.server.nextRequest((path) => path.endsWith('/vouchsafe-worker.js'));
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    void registration.update().catch(() => {});
  });
  await held;
  const status = await page.evaluate(async () => {
    const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
    return (await register()).status();
  });
  expect(status).toMatchObject({ freshness: 'fresh', violations: [] });
});
