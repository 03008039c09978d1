import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVERYTHING, FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, targetFile, test } from './fixtures.js';
import { addLibrary, heard, type Registered, registerIn } from './library.js';
import { expectViolation, openApp, statusOf, update, violationsOf } from './page-actions.js';

/** The app, and in `admin/` a page and a script that are to be enforced. */
async function makeApp(folder: string): Promise<string> {
  const directory = join(folder, 'app');
  await cp(FIXTURE_APP, directory, { recursive: true });
  await mkdir(join(directory, 'admin'));
  await writeFile(
    join(directory, 'admin/index.html'),
    '<!doctype html><meta charset="utf-8"><title>admin</title><script src="admin.js"></script>',
  );
  await writeFile(join(directory, 'admin/admin.js'), "document.title = 'admin ran';");
  return directory;
}

test('C11 under a worker that only reports, its replacement is noticed, and the page goes on', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await addLibrary(await makeApp(folder)), { reportOnly: true });
  await page.goto(site.url);
  await registerIn(page);
  await update(page);
  expect(await statusOf(page)).toMatchObject({ reportOnly: true, freshness: 'fresh' });
  await openApp(page, `${site.url}vouchsafe/`);
  await expect(page.locator('#sentence')).toHaveText(/^Report-only: nothing is refused/);
  await openApp(page, site.url);
  await registerIn(page);
  await page.evaluate(() => (window as unknown as Registered).vouchsafe.status());
  site.server.lie({
    match: /vouchsafe-worker\.js$/,
    body: "self.addEventListener('install', () => self.skipWaiting());",
    type: 'text/javascript',
  });
  await page.evaluate(() => (window as unknown as Registered).vouchsafe.registration.update());
  await expect.poll(() => heard(page)).toContainEqual(['violation', expect.objectContaining({ code: 'verifier-replaced' })]);
  await expect(page.getByRole('alertdialog')).toHaveCount(0);
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test('a worker that only reports changes nothing, says what it would have refused, and enforces what is enforced', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeApp(folder), { reportOnly: true, enforce: ['admin/**'] });
  // The app registers nothing by itself here.
  await page.goto(site.url);
  await page.evaluate(async () => {
    const controlled = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    await navigator.serviceWorker.register('/vouchsafe-worker.js', { updateViaCache: 'none' });
    await controlled;
  });
  expect(await update(page)).toMatchObject({ outcome: expect.stringMatching(/activated|current/) });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  // What every answer was compared with, whole, in part and without a body.
  await page.evaluate(async () => {
    await fetch('/favicon.ico');
    await fetch('data.json', { method: 'HEAD' });
    await (await fetch('data.json', { headers: { range: 'bytes=0-3' } })).text();
  });
  expect(await violationsOf(page)).toEqual([]);

  // The server alters a script, adds one, and redirects a page.
  site.server.lie({ match: /\/classic\.js$/, body: 'window.altered = 1;\n' });
  site.server.lie({ match: /\/extra\.js$/, body: 'window.extra = 1;' });
  site.server.lie({ match: /\/pages\/frame\.html$/, redirect: '/pages/about/' });
  await page.reload();
  expect(await page.evaluate(() => (window as unknown as { altered?: number }).altered)).toBe(1);
  const { extra, text } = await page.evaluate(async () => {
    await new Promise((resolve) => {
      const script = Object.assign(document.createElement('script'), { src: '/extra.js' });
      script.addEventListener('load', resolve);
      document.head.append(script);
    });
    const frame = Object.assign(document.createElement('iframe'), { src: '/pages/frame.html' });
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.body.append(frame);
    await loaded;
    return { extra: (window as unknown as { extra?: number }).extra, text: frame.contentDocument?.title };
  });
  expect([extra, text]).toEqual([1, 'About']);
  await expectViolation(page, {
    code: 'mismatch',
    during: 'report-only',
    facts: { path: 'classic.js', diagnosis: expect.any(String) },
  });
  await expectViolation(page, { code: 'not-found', during: 'report-only', facts: { url: `${site.url}extra.js` } });
  await expectViolation(page, { code: 'redirected', during: 'report-only', facts: { path: 'pages/frame.html' } });

  // The right bytes and then more, without end: the page gets them as they come, and that it is too much is known before the end.
  site.server.lie({ match: /\/data\.json$/, endless: true });
  const streamed = await page.evaluate(async () => {
    const reader = (await fetch('/data.json')).body?.getReader();
    let bytes = 0;
    while (bytes < 1_000_000) bytes += (await reader?.read())?.value?.length ?? Number.NaN;
    Object.assign(window, { reader });
    return bytes;
  });
  expect(streamed).toBeGreaterThanOrEqual(1_000_000);
  await expectViolation(page, { code: 'too-long', during: 'report-only', facts: { path: 'data.json' } });
  await page.evaluate(() => (window as unknown as { reader: ReadableStreamDefaultReader }).reader.cancel());

  // Enforced: the plain file is not what runs, and what is altered everywhere is refused.
  site.server.lie({
    match: /\/admin\//,
    body: '<title>evil</title><script>document.title = "evil ran"</script>',
    type: 'text/html',
  });
  await page.goto(`${site.url}admin/`);
  await expect.poll(() => page.title()).toBe('admin ran');
  const changed = await makeApp(join(folder, 'next'));
  await writeFile(join(changed, 'admin/index.html'), '<!doctype html><title>newer</title>');
  await site.publish(changed);
  site.server.lie({ match: targetFile('admin/index.html'), flip: 'middle' });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  await page.reload();
  await expect.poll(() => page.title()).toBe('admin ran');
  await page.goto(site.url);
  await statusOf(page);

  // Without the network it is as it would be without the worker: an error page, and no violation.
  const before = (await violationsOf(page)).length;
  await site.server.goOffline();
  expect(await page.evaluate(() => fetch('/data.json').then(String, (error: Error) => error.name))).toBe('TypeError');
  expect((await page.reload().catch(() => null))?.ok() ?? false).toBe(false);
  await site.server.goOnline();
  site.server.honest();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect((await violationsOf(page)).slice(before)).toEqual([]);
});
