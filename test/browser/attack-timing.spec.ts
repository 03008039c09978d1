import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { ask, expectViolation, openApp, statusOf, stopWorker, update, violationsOf, wipeStoredFiles } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

test('C9 two tabs that update at once get one release, whole, and a worker that is killed meanwhile leaves one', async ({
  page,
  publishSite,
  folder,
  browserName,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const tab = await page.context().newPage();
  await tab.goto(site.url);
  const since = site.server.requests.length;
  await site.publish(await makeSmallRelease(folder, 'two'));
  const results = await Promise.all([update(page), update(tab), update(page), update(tab)]);
  expect(results.map(({ outcome }) => outcome)).toEqual(Array(4).fill('staged'));
  // Nothing came twice.
  const files = site.server.paths(since).filter((path) => path.startsWith('/vouchsafe/targets/'));
  expect(new Set(files).size).toBe(files.length);
  // Both open at once, while it becomes active.
  await Promise.all([page.reload(), tab.reload()]);
  expect([await shownBy(page), await shownBy(tab)]).toEqual([whole('two'), whole('two')]);
  expect((await statusOf(tab)).releases.map(({ state }) => state)).toContain('active');

  // Chromium kills the worker when it is told to; Firefox has no way to say so.
  if (browserName === 'chromium') {
    let running = 'two';
    for (const next of ['three', 'four', 'five']) {
      await site.publish(await makeSmallRelease(folder, next));
      // While the files come.
      const end = site.server.lie({ match: targetFile('lazy.js'), hold: true });
      const asked = site.server.nextRequest(targetFile('lazy.js'));
      void update(page).catch(() => {});
      await asked;
      const life = await stopWorker(tab);
      end();
      await tab.goto(site.url);
      expect((await statusOf(tab)).life).not.toBe(life);
      expect([whole(running), whole(next)]).toContainEqual(await shownBy(tab));
      // While it becomes active: at once, or some milliseconds after it was asked.
      expect(['staged', 'current']).toContain((await update(tab)).outcome);
      const killed = stopWorker(tab);
      await Promise.all([killed, ask(page, 'activate').catch(() => {})]);
      await tab.goto(site.url);
      const shown = await shownBy(tab);
      expect([whole(running), whole(next)]).toContainEqual(shown);
      await tab.goto(site.url);
      expect(await shownBy(tab)).toEqual(whole(next));
      running = next;
    }
  }
  expect(await violationsOf(page)).toEqual([]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C17 a server that tells the truth once and lies afterwards, or the reverse, is checked each time', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const match = targetFile('data.txt');
  /** From the server each time: nothing is stored, and nothing remembered. */
  const data = async (): Promise<string> => {
    await wipeStoredFiles(page);
    return (await shownBy(page)).data;
  };
  expect(await data()).toBe('one');
  site.server.lie({ match, body: 'evil' });
  expect(await data()).toBe('refused');
  await expectViolation(page, { code: 'mismatch', during: 'request', facts: { path: 'data.txt' } });
  site.server.honest();
  expect(await data()).toBe('one');
  // The first answer is a lie: it is asked again past the HTTP cache, and what comes then is checked in its own right.
  site.server.lie({ match, times: 1, body: 'evil' });
  expect(await data()).toBe('one');
  site.server.lie({ match, times: 2, body: 'evil' });
  expect(await data()).toBe('refused');

  // The same for an update: each time a little more of it is true, and what was true before is not asked for again.
  await site.publish(await makeSmallRelease(folder, 'two'));
  const lies = [
    { match: /timestamp\.json$/, body: '{}' },
    { match: /snapshot\.json$/, flip: 'last' },
    { match: targetFile('lazy.js'), flip: 'first' },
  ] as const;
  for (const lie of lies) {
    const end = site.server.lie(lie);
    expect((await update(page)).outcome).toBe('failed');
    expect(await shownBy(page)).toEqual(whole('one'));
    end();
  }
  site.server.lie({ match: targetFile('main.js'), times: 1, body: 'window.evil = 1' });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  // What was stored truthfully is not asked for again.
  site.server.lie({ match: /^\/vouchsafe\/targets\/.*(js|css|html)$/, body: 'window.evil = 1' });
  await stopWorker(page);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  expect(await page.evaluate(() => 'evil' in window)).toBe(false);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});
