import type { Page } from '@playwright/test';
import type { Activation } from '../../src/release/manifest.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { addLibrary, heard, type Registered, registerIn } from './library.js';
import { openApp, statusOf, stopWorker, update } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

/** Registers with a policy of the app's own, or with none, and waits until the worker knows. */
async function overrideIn(page: Page, activation: Activation | undefined, expected: Activation): Promise<void> {
  await registerIn(page, { look: false, persist: false, ...(activation && { activation }) });
  await expect.poll(async () => (await statusOf(page)).activation).toBe(expected);
}

/** Makes what is staged the active release and loads the page again, as the app's button does. */
async function reloadWithNext(page: Page): Promise<void> {
  const loaded = page.waitForEvent('load');
  await page.evaluate(() => void (window as unknown as Registered).vouchsafe.reload());
  await loaded;
}

test('a release becomes active when its manifest says, or the app; a tab stays on its release until it navigates', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await addLibrary(await makeSmallRelease(folder, 'one')));
  const publishNext = async (name: string, activation: Activation): Promise<void> =>
    site.publish(await addLibrary(await makeSmallRelease(folder, name)), { activation });
  await openApp(page, site.url);
  const tab = await page.context().newPage();
  await tab.goto(site.url);
  const since = site.server.requests.length;
  const expectShown = async (inPage: string, inTab: string): Promise<void> => {
    expect([await shownBy(page), await shownBy(tab)]).toEqual([whole(inPage), whole(inTab)]);
  };

  await test.step('prompt, signed: not at a navigation, but when the app says so', async () => {
    await publishNext('two', 'prompt');
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
    await tab.reload();
    await expectShown('one', 'one');
    // Nor in the next life of the worker.
    await stopWorker(page);
    await tab.reload();
    await expectShown('one', 'one');
    await overrideIn(tab, undefined, 'prompt');
    // Told also to a page that registers later.
    await expect.poll(() => heard(tab)).toContainEqual(['staged', expect.objectContaining({ id: expect.stringMatching(/^2-/) })]);
    await reloadWithNext(tab);
    await expectShown('one', 'two');
    await page.reload();
    await expectShown('two', 'two');
  });

  await test.step('immediate, signed: at once, and open tabs stay on theirs', async () => {
    await registerIn(page, { look: false, persist: false });
    await publishNext('three', 'immediate');
    // The look after the last navigation may be first.
    expect((await update(tab)).outcome).toMatch(/^(activated|current)$/);
    await expect
      .poll(() => heard(page))
      .toContainEqual(['activated', expect.objectContaining({ id: expect.stringMatching(/^3-/) })]);
    await expectShown('two', 'two');
    await tab.reload();
    await expectShown('two', 'three');
    await page.reload();
  });

  await test.step('prompt, by the app, where immediate is signed; the worker remembers', async () => {
    await overrideIn(page, 'prompt', 'prompt');
    await stopWorker(page);
    await publishNext('four', 'immediate');
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
    await tab.reload();
    await expectShown('three', 'three');
    await overrideIn(page, 'prompt', 'prompt');
    await reloadWithNext(page);
    await expectShown('four', 'three');
    await tab.reload();
  });

  await test.step('immediate, by the app, where prompt is signed', async () => {
    await overrideIn(page, 'immediate', 'immediate');
    await publishNext('five', 'prompt');
    expect((await update(tab)).outcome).toMatch(/^(activated|current)$/);
    await expectShown('four', 'four');
    await tab.reload();
    await page.reload();
    await expectShown('five', 'five');
  });

  await test.step('navigation, by the app, where prompt is signed; an app that says nothing gives the word back', async () => {
    await overrideIn(page, 'navigation', 'navigation');
    await publishNext('six', 'prompt');
    expect(await update(tab)).toMatchObject({ outcome: 'staged' });
    await tab.reload();
    await expectShown('five', 'six');
    await page.reload();
    await overrideIn(page, undefined, 'prompt');
    await publishNext('seven', 'prompt');
    expect(await update(tab)).toMatchObject({ outcome: 'staged' });
    await tab.reload();
    await expectShown('six', 'six');
  });

  await test.step('navigation, signed', async () => {
    await publishNext('eight', 'navigation');
    expect(await update(tab)).toMatchObject({ outcome: 'staged' });
    await tab.reload();
    await expectShown('six', 'eight');
  });
  expect(requestsPastTheWorker(site, since).filter((path) => path !== '/favicon.ico')).toEqual([]);
});

test('a changed header alone makes a new release, which brings nothing but its manifest; a tab keeps the headers of its own', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const directory = await makeSmallRelease(folder, 'one');
  const headers = (value: string) => ({ headers: [{ path: '**', set: { 'referrer-policy': value } }] });
  const site = await publishSite(directory, headers('no-referrer'));
  await openApp(page, site.url);
  const policyOf = (file: string) =>
    page.evaluate((path) => fetch(path).then((response) => response.headers.get('referrer-policy')), file);
  expect(await policyOf('data.txt')).toBe('no-referrer');
  const since = site.server.requests.length;
  await site.publish(directory, headers('same-origin'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const targets = site.server.paths(since).filter((path) => path.startsWith('/vouchsafe/targets/'));
  expect(targets).toEqual([expect.stringMatching(targetFile('vouchsafe.json'))]);
  expect(await policyOf('data.txt')).toBe('no-referrer');

  expect((await page.reload())?.headers()).toMatchObject({ 'referrer-policy': 'same-origin' });
  expect(await policyOf('data.txt')).toBe('same-origin');
  expect(await shownBy(page)).toEqual(whole('one'));
  expect(await update(page)).toEqual({ outcome: 'current' });
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});
