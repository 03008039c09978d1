import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { init } from '../../dist/node/init.js';
import { publish } from '../../dist/node/publish.js';
import { EVERYTHING, FIXTURE_APP, proofOf } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update, watchProblems } from './page-actions.js';

/** What is left of the worker in the browser. */
function leftOvers(page: Page): Promise<{ registrations: number; databases: number }> {
  return page.evaluate(async () => ({
    registrations: (await navigator.serviceWorker.getRegistrations()).length,
    databases: (await indexedDB.databases()).filter(({ name }) => name?.startsWith('vouchsafe ')).length,
  }));
}

const NOTHING = { registrations: 0, databases: 0 };
const EVERY = { registrations: 1, databases: 1 };

const isControlled = (page: Page) => page.evaluate(() => navigator.serviceWorker.controller !== null);

test('only a signed tombstone unregisters the worker and clears what it stored; the next navigation is the plain site', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  await page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    navigator.serviceWorker.addEventListener('message', ({ data }) => heard.push(data.vouchsafe));
  });

  // The server takes the worker's script and all metadata away.
  site.server.lie({ match: /vouchsafe/, status: 404 });
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update().catch(() => {}));
  expect(await update(page)).toMatchObject({ outcome: 'failed' });
  site.server.honest();

  // Someone else's tombstone.
  const theirs = { project: join(folder, 'theirs'), out: join(folder, 'their-out') };
  await init({ project: theirs.project });
  for (const tombstone of [false, true]) await publish({ ...theirs, directory: FIXTURE_APP, tombstone });
  site.server.lie({ match: /\/vouchsafe\//, from: theirs.out });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'unsigned' } });
  await expectViolation(page, { code: 'unsigned', during: 'update' });
  site.server.honest();

  // A tombstone in the place of our own newer manifest.
  await site.publish(FIXTURE_APP, { offlineSeconds: 99 });
  const names = (await readFile(join(site.out, 'vouchsafe/metadata/2.targets.json'), 'utf8')).match(/vouchsafe\.json/g);
  expect(names).toHaveLength(1);
  site.server.lie({ match: targetFile('vouchsafe.json'), body: '{"vouchsafe":1,"tombstone":true}' });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  site.server.honest();
  expect(await leftOvers(page)).toEqual(EVERY);
  expect(await page.evaluate(() => (window as unknown as { heard: string[] }).heard)).not.toContain('stood-down');
  await page.reload();
  expect(await isControlled(page)).toBe(true);
  expect(await proofOf(page)).toEqual(EVERYTHING);

  // Ours.
  await page.evaluate(() => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    navigator.serviceWorker.addEventListener('message', ({ data }) => heard.push(data.vouchsafe));
  });
  await site.publish(FIXTURE_APP, { tombstone: true });
  // The look after the navigation may be first.
  expect((await update(page)).outcome).toMatch(/^(activated|current)$/);
  await expect.poll(() => page.evaluate(() => (window as unknown as { heard: string[] }).heard)).toContain('stood-down');
  await expect.poll(() => leftOvers(page)).toEqual(NOTHING);
  // Not even by what was under way, or is asked for afterwards.
  await update(page);
  expect(await leftOvers(page)).toEqual(NOTHING);
  // The page that is open gets its files from the server now, unlisted ones too.
  expect(await page.evaluate(async () => (await fetch('data.json')).status)).toBe(200);
  site.server.lie({ match: /new\.txt$/, body: 'not signed' });
  expect(await page.evaluate(async () => (await fetch('new.txt')).text())).toBe('not signed');
  const since = site.server.requests.length;
  await page.goto(`${site.url}pages/about/`);
  await page.goto(site.url);
  expect(await isControlled(page)).toBe(false);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(requestsPastTheWorker(site, since)).toEqual(expect.arrayContaining(['/pages/about/', '/', '/main.js', '/data.json']));
  expect(await leftOvers(page)).toEqual(NOTHING);
});

test('a worker that is asleep stands down at the next navigation that looks, and a first visit of a browser ends on the plain site', {
  tag: '@chromium',
}, async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  await site.publish(FIXTURE_APP, { tombstone: true });
  // A worker that was looking a moment ago would not look again.
  await stopWorker(page);
  await page.goto(site.url);
  await expect.poll(() => leftOvers(page)).toEqual(NOTHING);
  await page.goto(site.url);
  expect(await isControlled(page)).toBe(false);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(await leftOvers(page)).toEqual(NOTHING);

  // Back again: a browser that comes now gets the worker anew.
  await site.publish(FIXTURE_APP);
  await openApp(page, site.url);
  expect((await statusOf(page)).active?.id).toMatch(/^3-/);
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test('C12 the reset page forgets everything when a person presses its button, and for nobody else', async ({
  page,
  publishSite,
  serve,
  folder,
  browserName,
}) => {
  const site = await publishSite(FIXTURE_APP);
  const problems = watchProblems(page);
  await openApp(page, site.url);
  const reset = `${site.url}vouchsafe/reset`;
  const { life } = await statusOf(page);

  // Without the token: by a script of the app's, by fetch, by another site.
  await page.evaluate(async (url) => {
    await fetch(url, { method: 'POST', body: new URLSearchParams({ token: 'x' }) }).catch(() => {});
    const form = Object.assign(document.createElement('form'), { method: 'post', action: url });
    document.body.append(form);
    form.submit();
  }, reset);
  await page.waitForURL(reset);
  await expect(page.locator('h1')).toHaveText('Reset this site');
  const token = await page.locator('input[name=token]').getAttribute('value');
  await page.goto(site.url);
  expect(await leftOvers(page)).toEqual(EVERY);
  // A script of the app's cannot read the token: not by fetch, and not in a frame.
  const seen = await page.evaluate(async (url) => {
    const text = await fetch(url).then(
      (response) => response.text(),
      () => '',
    );
    const frame = Object.assign(document.createElement('iframe'), { src: url });
    const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
    document.body.append(frame);
    await loaded;
    const opened = window.open(url);
    return [text, frame.contentDocument?.body.innerHTML ?? '', opened ? 'opened' : ''].map((html) => html.includes('name=token'));
  }, reset);
  expect(seen).toEqual([false, false, false]);

  const other = await serve(folder);
  other.lie({
    match: /attack\.html$/,
    body: `<form action="${reset}"><input name=token value="${token}"></form><script>document.forms[0].submit()</script>`,
  });
  await page.goto(`${other.url}attack.html`, { waitUntil: 'commit' });
  await page.waitForURL(`${reset}?token=${token}`);
  await page.goto(site.url);
  expect(await leftOvers(page)).toEqual(EVERY);
  expect(await proofOf(page)).toEqual(EVERYTHING);

  // The refusal page leads there, and the button works.
  site.server.lie({ match: /\/vouchsafe\/(metadata|targets)\//, drop: true });
  await page.goto(`${site.url}no-such-page.html`);
  await page.getByRole('link', { name: 'reset this site' }).click();
  await page.waitForURL(reset);
  const since = site.server.requests.length;
  // A person reads the page for longer than an idle worker lives: half a second in this Firefox.
  if (browserName === 'firefox') await page.waitForTimeout(2_000);
  await page.getByRole('button', { name: 'Reset this site' }).click();
  await page.waitForURL(site.url);
  // The loader again, which finds nothing to verify with.
  await expect(page.locator('#title')).toHaveText('This site was not opened');
  expect(requestsPastTheWorker(site, since)).toContain('/');
  site.server.honest();
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect((await statusOf(page)).life).not.toBe(life);
  expect(problems.filter((problem) => problem.includes('Error: '))).toEqual([]);
});
