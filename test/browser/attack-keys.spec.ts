import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { nextRoot } from '../../dist/repository/root.js';
import { signMetadata } from '../../dist/repository/sign.js';
import { ed25519Signer } from '../../dist/repository/signer.js';
import { makeRelease, releaseShown } from './fixture-app.js';
import { expectNextRelease, expectRefused } from './fixture-releases.js';
import { expect, requestsPastTheWorker, type Site, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';
import { Thief } from './thief.js';

test.describe('A10 keys below the threshold', () => {
  test('A10 one key of two, however often it signs, is refused', { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'), { roles: { timestamp: { threshold: 2, keys: 2 } } });
    await openApp(page, site.url);
    const thief = new Thief(site);
    const honest = await thief.read('timestamp', 0);
    const [first] = await thief.signers('timestamp');
    if (!first) throw new Error('The role has no key.');
    const signed = await thief.newest('timestamp');
    signed.version++;
    const envelope = JSON.parse(Buffer.from(await signMetadata(signed, [first])).toString()) as {
      signatures: { keyid: string; sig: string }[];
    };
    const [signature] = envelope.signatures as [{ keyid: string; sig: string }];

    const forgeries = {
      'one signature': [[signature], 'unsigned'],
      'the same twice': [[signature, signature], 'malformed'],
      'in capitals too': [[signature, { ...signature, sig: signature.sig.toUpperCase() }], 'malformed'],
      'under an unknown keyid too': [[signature, { ...signature, keyid: 'f'.repeat(64) }], 'unsigned'],
    } as const;
    for (const [name, [signatures, code]] of Object.entries(forgeries)) {
      await test.step(name, async () => {
        await thief.write('timestamp', 0, JSON.stringify({ ...envelope, signatures }));
        await expectRefused(page, code, { role: 'timestamp' });
      });
    }
    await thief.write('timestamp', 0, honest);
    await expectNextRelease(page, site, folder, 'two');
  });

  test('A10 one key that the root lists under two keyids counts once', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    const thief = new Thief(site);
    const [key] = await thief.signers('timestamp');
    if (!key) throw new Error('The role has no key.');
    const alias = { ...key, keyid: 'alias' };
    const other = await ed25519Signer(new Uint8Array(32).fill(7));
    const roles = { timestamp: { keys: [key, alias, other], threshold: 2 } };
    await thief.write(
      'root',
      2,
      await nextRoot(await thief.read('root', 1), roles, await thief.signers('root'), Date.now() + 3_600_000),
    );
    const next = await thief.newest('timestamp');
    next.version++;
    await thief.write('timestamp', 0, await signMetadata(next, [key, alias]));
    await expectRefused(page, 'unsigned', { role: 'timestamp' });
    await thief.write('timestamp', 0, await signMetadata(next, [alias, other]));
    expect(await update(page)).toEqual({ outcome: 'current' });
  });
});

test('A11 a root that is not signed by both thresholds, skips a version or repeats one is refused', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  const thief = new Thief(site);
  const [old] = await thief.signers('root');
  if (!old) throw new Error('The role has no key.');
  const stranger = await ed25519Signer(new Uint8Array(32).fill(9));
  const first = await thief.read('root', 1);
  const roles = { root: { keys: [stranger], threshold: 1 } };
  const rotated = JSON.parse(Buffer.from(await nextRoot(first, roles, [old, stranger], Date.now() + 3_600_000)).toString()).signed;

  const forgeries: [string, Uint8Array, string][] = [
    ['not signed by the old keys', await signMetadata(rotated, [stranger]), 'unsigned'],
    ['not signed by the new keys', await signMetadata(rotated, [old]), 'unsigned'],
    ['skips a version', await signMetadata({ ...rotated, version: 3 }, [old, stranger]), 'mismatch'],
    ['repeats a version', await signMetadata({ ...rotated, version: 1 }, [old, stranger]), 'rollback'],
  ];
  for (const [name, bytes, code] of forgeries) {
    await test.step(name, async () => {
      await thief.write('root', 2, bytes);
      await expectRefused(page, code, { role: 'root' });
      expect((await statusOf(page)).root?.version).toBe(1);
    });
  }
  await rm(join(site.out, 'vouchsafe/metadata/2.root.json'));
  expect(await update(page)).toEqual({ outcome: 'current' });

  // The same version with other content, while the client has that version already: it never asks for it again.
  await thief.write('root', 2, await nextRoot(first, {}, [old], Date.now() + 3_600_000));
  expect(await update(page)).toEqual({ outcome: 'current' });
  await thief.write('root', 2, await signMetadata(rotated, [old, stranger]));
  await stopWorker(page);
  expect(await update(page)).toEqual({ outcome: 'current' });
  expect((await statusOf(page)).root?.version).toBe(2);
  await thief.write('root', 3, await signMetadata({ ...rotated, version: 3 }, [stranger]));
  await expectRefused(page, 'unsigned', { role: 'root', version: 3 });
});

test.describe('A14 a key replaced by a newer root', () => {
  const newKey = () => ed25519Signer(new Uint8Array(32).fill(5));

  /** Publishes only a root that gives a role another key. Nothing that the new key signed is there yet. */
  async function replaceKey(site: Site, role: 'targets' | 'timestamp'): Promise<void> {
    const thief = new Thief(site);
    const roles = { [role]: { keys: [await newKey()], threshold: 1 } };
    const root = await nextRoot(await thief.read('root', 1), roles, await thief.signers('root'), Date.now() + 3_600_000);
    await thief.write('root', 2, root);
  }

  test('A14 no release runs on a revoked targets key, neither in this life of the worker nor in the next', async ({
    page,
    publishSite,
    folder,
    browserName,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    const { life } = await statusOf(page);
    await replaceKey(site, 'targets');
    const refusal = { code: 'unsigned', facts: { role: 'targets' } };
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal, freshness: 'empty' });
    const expectRefusedPage = async (): Promise<void> => {
      expect((await page.goto(site.url))?.status()).toBe(503);
      await expect(page.locator('dd').first()).toHaveText('unsigned');
    };
    await expectRefusedPage();
    // Firefox may have stopped it in between.
    if (browserName === 'chromium') expect((await statusOf(page)).life).toBe(life);
    await stopWorker(page);
    await expectRefusedPage();

    // The signers with the new key.
    const thief = new Thief(site);
    await thief.forge('targets', (signed) => void signed.version++, [await newKey()]);
    await thief.forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 2 };
    });
    await page.goto(site.url);
    expect(await releaseShown(page)).toBe('one');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 2 }, targets: { version: 2 } });
  });

  test('A14 a staged release whose targets key is revoked is not activated', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await site.publish(await makeRelease(folder, 'two'));
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
    const since = site.server.requests.length;
    await replaceKey(site, 'targets');
    const refusal = { code: 'unsigned', facts: { role: 'targets' } };
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal });
    await expectViolation(page, { during: 'update', ...refusal });
    for (let life = 0; life < 2; life++) {
      expect((await page.goto(site.url))?.status()).toBe(503);
      await expect(page.locator('dd').first()).toHaveText('unsigned');
      const { active, releases } = await statusOf(page);
      expect(active).toBeUndefined();
      expect(releases.filter(({ state }) => state === 'active' || state === 'staged')).toEqual([]);
      await stopWorker(page);
    }

    const thief = new Thief(site);
    await thief.forge('targets', (signed) => void signed.version++, [await newKey()]);
    await thief.forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 3 };
    });
    await page.goto(site.url);
    expect(await releaseShown(page)).toBe('two');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 2 }, targets: { version: 3 } });
    expect(requestsPastTheWorker(site, since)).toEqual([]);
  });

  test('A14 a replaced timestamp key does not take a running release away before the new timestamp is there', async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await replaceKey(site, 'timestamp');
    expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'unsigned', facts: { role: 'timestamp' } } });
    await stopWorker(page);
    await page.goto(site.url);
    expect(await releaseShown(page)).toBe('one');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 2 }, timestamp: { version: 1 } });
  });

  test('A14 nor does a new worker script that has the new root compiled in, offline', { tag: '@chromium' }, async ({
    page,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await replaceKey(site, 'timestamp');
    const script = await readFile(join(site.out, 'vouchsafe-worker.js'), 'utf8');
    const config = JSON.parse(script.slice('self.vouchsafe='.length, script.indexOf(';\n'))) as { roots: string[] };
    config.roots.push((await new Thief(site).read('root', 2)).toString());
    const body = `self.vouchsafe=${JSON.stringify(config)}${script.slice(script.indexOf(';\n'))}`;
    site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
    await page.evaluate(async () => {
      const replaced = new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
      const registration = await navigator.serviceWorker.ready;
      await registration.update();
      const next = registration.installing ?? registration.waiting;
      const takeOver = () => next?.state === 'installed' && next.postMessage({ vouchsafe: 'take-over' });
      next?.addEventListener('statechange', takeOver);
      takeOver();
      await replaced;
    });
    await site.server.goOffline();
    await page.reload();
    expect(await releaseShown(page)).toBe('one');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 2 }, timestamp: { version: 1 } });
  });
});
