import { EVERYTHING, FIXTURE_APP, makeRelease } from '../browser/fixture-app.js';
import { targetFile } from '../browser/fixtures.js';
import { statusOf, update } from '../browser/page-actions.js';
import { endpoint } from '../browser/reporting-endpoint.js';
import { makeSmallRelease, shownBy, whole } from '../browser/small-app.js';
import { expect, openApp, proofOf, test } from './session.js';
import type { Session } from './webdriver.js';

// What the signers decide beyond the files, in WebKitGTK: the policy of pages, where violations go, and the end of it all.

/** What is left of the worker in the browser. */
const leftOvers = (session: Session): Promise<unknown> =>
  session.evaluate(async () => ({
    registrations: (await navigator.serviceWorker.getRegistrations()).length,
    databases: (await indexedDB.databases()).filter(({ name }) => name?.startsWith('vouchsafe ')).length,
  }));

test('under the generated policy the app runs whole, and nothing that is injected runs', async ({
  session,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'strict'), { csp: true });
  await openApp(session, site.url);
  expect(await proofOf(session)).toEqual(EVERYTHING);
  const stopped = await session.evaluate(async () => {
    const inject = (set: object) =>
      new Promise<string>((resolve) => {
        const heard = ({ effectiveDirective }: SecurityPolicyViolationEvent) => resolve(effectiveDirective);
        document.addEventListener('securitypolicyviolation', heard, { once: true });
        document.body.append(Object.assign(document.createElement('script'), set));
      });
    const blob = URL.createObjectURL(new Blob(['window.evil = 1'], { type: 'text/javascript' }));
    const directives = [await inject({ textContent: 'window.evil = 1' }), await inject({ src: blob })];
    return { directives, evil: 'evil' in window };
  });
  expect(stopped).toEqual({ directives: ['script-src-elem', 'script-src-elem'], evil: false });
});

test('a violation reaches the signed reporting endpoint, once, with a diagnosis', async ({
  session,
  publishSite,
  serve,
  folder,
}) => {
  const { received, api } = endpoint();
  const operators = await serve(folder, { api });
  const site = await publishSite(await makeSmallRelease(folder, 'one'), {
    lookSeconds: 3_600,
    reporting: { url: `${operators.origin}/api/reports` },
  });
  await openApp(session, site.url);
  expect(await shownBy(session)).toEqual(whole('one'));
  await site.publish(await makeSmallRelease(folder, 'two'));
  site.server.lie({ match: targetFile('main.js'), body: '<!doctype html><title>Not here</title>', type: 'text/html' });
  expect(await update(session)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  await expect.poll(() => received.length).toBe(1);
  expect(received[0]?.headers).toMatchObject({ 'content-type': 'application/reports+json', origin: site.server.origin });
  expect(received[0]?.reports).toMatchObject([
    {
      type: 'vouchsafe-violation',
      url: site.url,
      body: { code: 'mismatch', path: 'main.js', diagnosis: 'HTML instead of the file' },
    },
  ]);
  // The next one comes alone.
  site.server.honest();
  await site.publish(await makeSmallRelease(folder, 'three'));
  site.server.lie({ match: targetFile('style.css'), body: 'another' });
  expect(await update(session)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  await expect.poll(() => received.length).toBe(2);
  expect(received[1]?.reports).toMatchObject([{ body: { code: 'mismatch', path: 'style.css' } }]);
});

test('only a signed tombstone unregisters the worker and clears what it stored; the next navigation is the plain site', async ({
  session,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(session, site.url);
  site.server.lie({ match: /vouchsafe/, status: 404 });
  expect(await update(session)).toMatchObject({ outcome: 'failed' });
  site.server.honest();
  await site.publish(FIXTURE_APP, { offlineSeconds: 99 });
  site.server.lie({ match: targetFile('vouchsafe.json'), body: '{"vouchsafe":1,"tombstone":true}' });
  expect(await update(session)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  site.server.honest();
  expect(await leftOvers(session)).toEqual({ registrations: 1, databases: 1 });
  expect((await statusOf(session)).active).toBeDefined();

  await site.publish(FIXTURE_APP, { tombstone: true });
  expect((await update(session)).outcome).toMatch(/^(activated|current)$/);
  await expect.poll(() => leftOvers(session)).toEqual({ registrations: 0, databases: 0 });
  await session.goto(site.url);
  expect(await session.evaluate(() => navigator.serviceWorker.controller)).toBe(null);
  expect(await proofOf(session)).toEqual(EVERYTHING);
});
