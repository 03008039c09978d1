import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { expect, requestsPastTheWorker, type Site, targetFile, test } from './fixtures.js';
import { addLibrary, heard, registerIn } from './library.js';
import { expectViolation, openApp, statusOf, stopWorker, storedPacks, update, violationsOf } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

const RULES = {
  files: [
    { path: 'demand*', keep: 'on-demand' },
    { path: 'network*', keep: 'network-only' },
    { path: 'optional*', optional: true },
  ],
  // Two pieces of the large ones.
  chunkFrom: 200_000,
} as const;

const LARGE = 300_000;
const LARGE_FILES = ['demand-large.txt', 'network-large.txt'];

async function makeRelease(folder: string, name: string): Promise<string> {
  const directory = await addLibrary(await makeSmallRelease(folder, name));
  for (const file of ['demand.txt', 'network.txt', 'optional.txt']) await writeFile(join(directory, file), `${file} ${name}`);
  for (const file of LARGE_FILES) await writeFile(join(directory, file), `${file} ${name} `.padEnd(LARGE, `${name}.`));
  return directory;
}

/** The beginning of what a page gets. */
function text(page: Page, file: string): Promise<string> {
  return page.evaluate(async (path) => {
    try {
      const response = await fetch(path);
      const all = await response.text();
      return response.ok ? `${all.length} ${all.slice(0, 40)}` : 'refused';
    } catch {
      return 'refused';
    }
  }, file);
}

const whole300 = (file: string, name: string) => `${LARGE} ${`${file} ${name} `.padEnd(40, `${name}.`)}`;
const small = (file: string, name: string) => `${`${file} ${name}`.length} ${file} ${name}`;

const asked = ({ server }: Site, file: string, since = 0) => server.paths(since).filter((path) => targetFile(file).test(path));

test('files are stored before a release runs, when they are used, or never, and are verified each way', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'), RULES);
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const others = ['demand.txt', 'network.txt', ...LARGE_FILES];
  for (const file of others) expect(asked(site, file), file).toEqual([]);
  expect(asked(site, 'optional.txt')).toHaveLength(1);
  const before = (await storedPacks(page)).bytes;

  // Verified when they come.
  site.server.lie({ match: /(demand|network)[^/]*$/, flip: 'first' });
  for (const file of others) expect(await text(page, file), file).toBe('refused');
  for (const file of others) await expectViolation(page, { code: 'mismatch', facts: { path: file } });
  expect((await storedPacks(page)).bytes).toBe(before);
  site.server.honest();
  for (const file of LARGE_FILES) expect(await text(page, file), file).toBe(whole300(file, 'one'));
  for (const file of ['demand.txt', 'network.txt']) expect(await text(page, file), file).toBe(small(file, 'one'));

  // Kept, or not.
  await expect.poll(() => storedPacks(page).then(({ bytes }) => bytes)).toBe(before + LARGE + 'demand.txt one'.length);
  await site.server.goOffline();
  await stopWorker(page);
  for (const file of ['network.txt', 'network-large.txt']) expect(await text(page, file), file).toBe('refused');
  expect(await text(page, 'demand.txt')).toBe(small('demand.txt', 'one'));
  expect(await text(page, 'demand-large.txt')).toBe(whole300('demand-large.txt', 'one'));
  expect(await text(page, 'optional.txt')).toBe(small('optional.txt', 'one'));
  expect(await shownBy(page)).toEqual(whole('one'));
  await site.server.goOnline();
  const again = site.server.requests.length;
  expect(await text(page, 'network.txt')).toBe(small('network.txt', 'one'));
  expect(asked(site, 'network.txt', again)).toHaveLength(1);
  expect(await text(page, 'demand.txt')).toBe(small('demand.txt', 'one'));
  expect(asked(site, 'demand.txt', again)).toEqual([]);
  expect((await storedPacks(page)).bytes).toBe(before + LARGE + 'demand.txt one'.length);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('a missing optional file stops no release, a missing required one does, and is named to whoever asked and to the page', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  // The navigation's own look, a second later, would come while the server tells the truth for a moment.
  const site = await publishSite(await makeRelease(folder, 'one'), { ...RULES, lookSeconds: 600 });
  await openApp(page, site.url);
  await registerIn(page, { look: false });
  const since = site.server.requests.length;
  await site.publish(await makeRelease(folder, 'two'));
  site.server.lie({ match: targetFile('optional.txt'), status: 404 });
  const causes = [
    [{ status: 404 }, { code: 'unreachable', facts: { path: 'data.txt', status: 404 } }],
    [{ drop: true }, { code: 'unreachable', facts: { path: 'data.txt' } }],
    [{ body: '<!doctype html><title>Log in' }, { code: 'mismatch', facts: { path: 'data.txt' } }],
  ] as const;
  for (const [lie, refusal] of causes) {
    const end = site.server.lie({ match: targetFile('data.txt'), ...lie });
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal, freshness: 'fresh' });
    // To be out of reach is no violation.
    if (!('drop' in lie))
      await expect
        .poll(() => heard(page))
        .toContainEqual([
          'violation',
          expect.objectContaining({ code: refusal.code, facts: expect.objectContaining(refusal.facts) }),
        ]);
    end();
    expect((await statusOf(page)).staged).toBeUndefined();
  }
  const end = site.server.lie({ match: targetFile('data.txt'), status: 404 });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('one'));
  await registerIn(page, { look: false });
  expect((await update(page)).outcome).toBe('failed');
  end();

  // An optional one: said, and no more. Nor does what is only downloaded when it is used matter now.
  site.server.lie({ match: /(demand|network)[^/]*$/, status: 404 });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const missing = { code: 'unreachable', facts: expect.objectContaining({ path: 'optional.txt', status: 404 }) };
  await expect.poll(() => heard(page)).toContainEqual(['violation', expect.objectContaining(missing)]);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  expect(await text(page, 'optional.txt')).toBe('refused');
  // It heals when it is there: at the next look, without anybody asking for it.
  site.server.honest();
  expect(await update(page)).toEqual({ outcome: 'current' });
  await site.server.goOffline();
  expect(await text(page, 'optional.txt')).toBe(small('optional.txt', 'two'));
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('C8 for an update without room goes what no page needs, and what runs goes on', async ({
  page,
  publishSite,
  folder,
  browserName,
}) => {
  test.skip(browserName === 'firefox', 'nobody can set the quota of an origin there');
  const make = async (name: string, size = 0) => {
    const directory = await makeSmallRelease(folder, name, size);
    // Nothing that can be stored in less room.
    await writeFile(join(directory, 'demand.bin'), `demand ${randomBytes(4_500_000).toString('base64')}`);
    return directory;
  };
  const site = await publishSite(await make('one'), RULES);
  const session = await page.context().newCDPSession(page);
  // Chromium can count what a transaction is about to store twice: for that, too, there is room as soon as the file on demand is gone.
  await session.send('Storage.overrideQuotaForOrigin', { origin: site.server.origin, quotaSize: 13_500_000 });
  await openApp(page, site.url);
  const isKept = async (): Promise<boolean> => {
    const since = site.server.requests.length;
    expect(await text(page, 'demand.bin')).toMatch(/^6000007 demand/);
    return asked(site, 'demand.bin', since).length === 0;
  };
  expect(await isKept()).toBe(false);
  expect(await isKept()).toBe(true);

  // There is room for one of the two. The running release needs all of its own files but this one.
  await site.publish(await make('two', 8_000_000));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  expect(await shownBy(page)).toEqual(whole('one'));
  expect(await isKept()).toBe(false);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  expect((await violationsOf(page)).filter(({ during }) => during === 'update')).toEqual([]);
  await site.server.goOffline();
  await stopWorker(page);
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));

  // Beside the release that runs there is room for the next one, but not for what it has that is optional.
  await site.server.goOnline();
  const three = await make('three');
  await writeFile(join(three, 'optional.bin'), `optional ${randomBytes(4_500_000).toString('base64')}`);
  await site.publish(three, { ...RULES, chunkFrom: 20_000_000 });
  const since = site.server.requests.length;
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  expect(asked(site, 'optional.bin', since)).toHaveLength(1);
  await expectViolation(page, { code: 'quota', during: 'update' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('three'));
  // Nor is it asked for again and again.
  for (let i = 0; i < 3; i++) expect(await update(page)).toEqual({ outcome: 'current' });
  expect(asked(site, 'optional.bin', since)).toHaveLength(1);
  // Where it is used it comes, verified.
  expect(await text(page, 'optional.bin')).toMatch(/^6000009 optional/);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});
