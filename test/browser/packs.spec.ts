import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { Behaviour } from '../../dist/demo/behaviour.js';
import { expect, requestsPastTheWorker, type Site, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, update, violationsOf } from './page-actions.js';

const PARTS = 60;
const PACK = 'vouchsafe/packs/0.txt';

/** An app of many scripts, each of which says which release it is of; `kept` of them are of release one. */
async function makeRelease(folder: string, name: string, kept = 0): Promise<string> {
  const directory = join(folder, `parts-${name}`);
  await mkdir(directory, { recursive: true });
  const tags = Array.from({ length: PARTS }, (_, i) => `<script src="part-${i}.js"></script>`);
  await writeFile(
    join(directory, 'index.html'),
    `<!doctype html><meta charset="utf-8"><title>Parts</title><script>parts = []</script>${tags.join('')}`,
  );
  for (let i = 0; i < PARTS; i++) {
    const release = i < kept ? 'one' : name;
    await writeFile(join(directory, `part-${i}.js`), `parts.push('${release}'); //${i}${'.'.repeat(20_000)}`);
  }
  return directory;
}

const partsOf = (page: Page) => page.evaluate(() => (window as unknown as { parts: string[] }).parts);
const whole = (name: string, kept = 0) => Array.from({ length: PARTS }, (_, i) => (i < kept ? 'one' : name));
/** Which targets were asked for, without hashes. */
const targetsAskedOf = ({ server }: Site, since = 0) =>
  server
    .paths(since)
    .flatMap((path) => path.split('/vouchsafe/targets/')[1] ?? [])
    .map((name) => name.replace(/[0-9a-f]{64}\./, ''));
const scriptsAskedOf = (site: Site) => targetsAskedOf(site).filter((name) => name.startsWith('part-'));

/** The pack of what is published now. */
async function packIn(site: Site): Promise<Uint8Array> {
  const folder = join(site.out, 'vouchsafe/targets/vouchsafe/packs');
  const [name = '', ...others] = await readdir(folder);
  expect(others).toEqual([]);
  return readFile(join(folder, name));
}

test('a first visit asks once for all files of an app, and an update with three changed for those', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  expect(await partsOf(page)).toEqual(whole('one'));
  expect(targetsAskedOf(site).sort()).toEqual(['vouchsafe.json', 'vouchsafe/index.html', PACK]);
  expect(await violationsOf(page)).toEqual([]);

  const since = site.server.requests.length;
  await site.publish(await makeRelease(folder, 'two', PARTS - 3));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await partsOf(page)).toEqual(whole('two', PARTS - 3));
  expect(targetsAskedOf(site, since).sort()).toEqual(['part-57.js', 'part-58.js', 'part-59.js']);
  expect(requestsPastTheWorker(site)).toEqual(['/']);
});

test.describe('a pack that is not the signed one never reaches a page, and the app installs all the same', () => {
  const attacks: readonly (readonly [string, (pack: Uint8Array) => Behaviour, object | undefined])[] = [
    [
      'A1 one bit changed',
      () => ({ flip: 'middle' }),
      { code: 'mismatch', facts: { path: expect.stringMatching(/^part-\d+\.js$/) } },
    ],
    ['A1 an attacker’s bytes', ({ length }) => ({ body: 'parts.push("evil");'.padEnd(length) }), { code: 'mismatch' }],
    [
      'C3 cut short',
      (pack) => ({ body: pack.subarray(0, (pack.length * 2) / 3) }),
      { code: 'mismatch', facts: { diagnosis: 'truncated' } },
    ],
    ['C3 an end of the connection', (pack) => ({ truncate: pack.length >> 1 }), undefined],
    ['C2 a redirect', () => ({ redirect: '/evil.js' }), { code: 'redirected' }],
    ['A3 without end', () => ({ endless: true }), undefined],
    ['C3 one that is gone', () => ({ status: 404 }), undefined],
    ['C3 a server that fails', () => ({ status: 500 }), { code: 'unreachable', facts: { status: 500 } }],
  ];
  for (const [name, lie, violation] of attacks) {
    test(name, { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
      const site = await publishSite(await makeRelease(folder, 'one'));
      const pack = await packIn(site);
      site.server.lie({ match: targetFile(PACK), ...lie(pack) });
      await openApp(page, site.url);
      expect(await partsOf(page)).toEqual(whole('one'));
      if (violation) await expectViolation(page, { during: 'update', ...violation });
      else expect(await violationsOf(page)).toEqual([]);
      // No file twice; without end there is nothing left to ask for.
      const asked = scriptsAskedOf(site);
      expect(new Set(asked).size).toBe(asked.length);
      expect(asked.length > 0).toBe(name !== 'A3 without end');
      expect(requestsPastTheWorker(site)).toEqual(['/']);
    });
  }

  test('A6 that of an older release', { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    const older = await packIn(site);
    await site.publish(await makeRelease(folder, 'two', 5));
    site.server.lie({ match: targetFile(PACK), body: older });
    await openApp(page, site.url);
    expect(await partsOf(page)).toEqual(whole('two', 5));
    await expectViolation(page, { code: 'mismatch', during: 'update', facts: { url: expect.stringContaining('/packs/') } });
  });
});
