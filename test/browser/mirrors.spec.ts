import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostileServer } from '../../dist/demo/hostile-server.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, update, violationsOf } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';

/** A mirror serves another origin's pages. */
function allowOrigins(mirror: HostileServer): void {
  mirror.lie({ match: /^\/vouchsafe\//, headers: { 'access-control-allow-origin': '*' } });
}

test('A13 whichever of two servers withholds, corrupts or is silent, the other is used and it is reported', {
  tag: '@chromium',
}, async ({ page, publishSite, serve, folder, browserName }) => {
  // Each silent server costs fifteen seconds of waiting.
  test.slow();
  const mirror = await serve(folder);
  allowOrigins(mirror);
  const makeRelease = (name: string) => makeSmallRelease(folder, name);
  const site = await publishSite(await makeRelease('one'), { mirrors: [mirror.url] });
  mirror.out = site.out;
  await openApp(page, site.url);
  expect(await violationsOf(page)).toEqual([]);
  const since = site.server.requests.length;

  let releases = 1;
  const expectNext = async (name: string): Promise<void> => {
    releases++;
    await site.publish(await makeRelease(name));
    expect(await update(page), name).toMatchObject({ outcome: 'staged' });
    await page.reload();
    expect(await shownBy(page)).toEqual(whole(name));
  };
  const silent = [
    ['silent', { match: /^\/vouchsafe\/targets\//, hold: true }, 'too-slow'],
    ['dripping', { match: /^\/vouchsafe\/targets\//, drip: true }, 'too-slow'],
  ] as const;
  const attacks = [
    ['gone', { match: /^\/vouchsafe\//, status: 404 }, 'unreachable'],
    ['hung', { match: /^\/vouchsafe\//, drop: true }, 'unreachable'],
    ['bent', { match: /^\/vouchsafe\/targets\//, flip: 'middle' }, 'mismatch'],
    ['feign', { match: /^\/vouchsafe\//, body: '<!doctype html><title>Log in</title>' }, 'malformed'],
    [
      'frozen',
      { match: /timestamp\.json$/, body: await readFile(join(site.out, 'vouchsafe/metadata/timestamp.json')) },
      'rollback',
    ],
    ...(browserName === 'chromium' ? silent : silent.slice(0, 1)),
  ] as const;
  for (const [name, lie, code] of attacks) {
    await test.step(name, async () => {
      const end = site.server.lie(lie);
      await expectNext(name);
      // The one that lied is named, and nobody else.
      const diagnosis = name === 'feign' ? { diagnosis: 'HTML instead of the file' } : {};
      await expectViolation(page, { code, during: 'update', facts: { url: expect.stringContaining(site.url), ...diagnosis } });
      end();
    });
  }
  // The mirror is as little trusted as the site.
  mirror.lie({ match: /^\/vouchsafe\//, headers: { 'access-control-allow-origin': '*' }, status: 200, body: 'evil' });
  await expectNext('other');
  await expectViolation(page, { code: 'malformed', during: 'update', facts: { url: expect.stringContaining(mirror.url) } });
  // Both together can withhold, but not make anything of their own run.
  site.server.lie({ match: /^\/vouchsafe\/targets\//, flip: 'first' });
  await site.publish(await makeRelease('last'));
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch' } });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('other'));
  site.server.honest();
  mirror.honest();
  allowOrigins(mirror);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('last'));
  expect(releases).toBe(attacks.length + 2);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  expect(mirror.paths().some((path) => targetFile('data.txt').test(path))).toBe(true);
});

test('A13 of a large file the server that altered one chunk is named, and another gives what was missing', {
  tag: '@chromium',
}, async ({ page, publishSite, serve, folder }) => {
  const mirror = await serve(folder);
  allowOrigins(mirror);
  const makeRelease = async (name: string) => {
    const directory = await makeSmallRelease(folder, name);
    // Five chunks each: one is stored before the release runs, the other comes when it is asked for.
    for (const file of ['early.bin', 'late.bin']) await writeFile(join(directory, file), randomBytes(1_200_000));
    return directory;
  };
  const site = await publishSite(await makeRelease('one'), {
    mirrors: [mirror.url],
    files: [{ path: 'late.bin', keep: 'on-demand' }],
  });
  mirror.out = site.out;
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const next = await makeRelease('two');
  await site.publish(next);
  const LARGE = /(early|late)\.bin$/;
  site.server.lie({ match: LARGE, flip: 'middle' });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await shownBy(page)).toEqual(whole('two'));
  for (const file of ['early.bin', 'late.bin']) {
    const bytes = await page.evaluate(async (path) => {
      const hash = await crypto.subtle.digest('SHA-256', await (await fetch(path)).arrayBuffer());
      return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    }, file);
    expect(bytes).toBe(
      createHash('sha256')
        .update(await readFile(join(next, file)))
        .digest('hex'),
    );
    const named = { path: file, url: expect.stringContaining(site.url), diagnosis: 'unknown bytes' };
    await expectViolation(page, { code: 'mismatch', during: 'update', facts: named });
    expect(mirror.paths().filter((path) => targetFile(file).test(path))).not.toEqual([]);
  }
  // Nobody else is.
  expect((await violationsOf(page)).filter(({ facts }) => !String(facts.url).startsWith(site.url))).toEqual([]);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});
