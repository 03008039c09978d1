import { cp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { nextRoot } from '../../dist/repository/root.js';
import { signMetadata } from '../../dist/repository/sign.js';
import { ed25519Signer } from '../../dist/repository/signer.js';
import { makeRelease, releaseShown } from './fixture-app.js';
import { expect, requestsPastTheWorker, type Site, test } from './fixtures.js';
import { expectViolation, openApp, statusOf, stopWorker, update } from './page-actions.js';
import { makeSmallRelease, shownBy, whole } from './small-app.js';
import { Thief } from './thief.js';

/** Expects that an update is refused, that the page is told why, and that what ran before still runs. */
async function expectRefused(page: Page, code: string, facts: object = {}): Promise<void> {
  const shown = await releaseShown(page);
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code, facts } });
  await expectViolation(page, { code, during: 'update', facts });
  await page.reload();
  expect(await releaseShown(page)).toBe(shown);
}

/** Expects that the site's publisher gets the next release through, as after an attack is over. */
async function expectRecovery(page: Page, site: Site, folder: string, release: string): Promise<void> {
  await expectNextRelease(page, site, folder, release, {});
}

/** The same for a release whose metadata lives for other times than the default, in seconds. */
async function expectNextRelease(
  page: Page,
  site: Site,
  folder: string,
  release: string,
  expires: { readonly [role: string]: number },
): Promise<void> {
  await site.publish(await makeRelease(folder, release), { expires });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await releaseShown(page)).toBe(release);
}

test.describe('A5 rollback', () => {
  test('A5 of the timestamp is refused, also after the worker and the browser have restarted', async ({
    profile,
    publishSite,
    folder,
  }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    const old = join(folder, 'old');
    await cp(site.out, old, { recursive: true });
    let page = await profile.context.newPage();
    await openApp(page, site.url);
    await expectRecovery(page, site, folder, 'two');

    site.server.out = old;
    const facts = { role: 'timestamp', expected: 'version 2 or later', actual: 'version 1' };
    await expectRefused(page, 'rollback', facts);
    const life = await stopWorker(page);
    await expectRefused(page, 'rollback', facts);
    expect((await statusOf(page)).life).not.toBe(life);
    page = await (await profile.restart()).newPage();
    await openApp(page, site.url);
    expect(await releaseShown(page)).toBe('two');
    await expectRefused(page, 'rollback', facts);

    site.server.out = site.out;
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expectRecovery(page, site, folder, 'three');
  });

  test('A5 of the snapshot, by someone with the timestamp key, is refused', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await expectRecovery(page, site, folder, 'two');
    const thief = new Thief(site);
    const honest = await thief.read('timestamp', 0);
    await thief.pinSnapshot(1);
    await expectRefused(page, 'rollback', { role: 'snapshot', expected: 'version 2 or later', actual: 'version 1' });
    await thief.write('timestamp', 0, honest);
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expectRecovery(page, site, folder, 'three');
  });

  test('A5 of the targets, by someone with the timestamp and snapshot keys, is refused', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await expectRecovery(page, site, folder, 'two');
    await new Thief(site).forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 1 };
    });
    await expectRefused(page, 'rollback', { role: 'targets', expected: 'version 2 or later', actual: 'version 1' });
    await new Thief(site).forgeSnapshot((_signed, meta) => {
      meta['targets.json'] = { version: 2 };
    });
    expect(await update(page)).toMatchObject({ outcome: 'staged' });
  });
});

test.describe('A7 freeze', () => {
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    test(`A7 a ${role} replayed after its expiry freezes the app until there is a newer one`, async ({
      profile,
      publishSite,
      folder,
    }) => {
      const site = await publishSite(await makeRelease(folder, 'one'));
      let page = await profile.context.newPage();
      await openApp(page, site.url);
      // Not the first release: a first visit may take longer than so short a life.
      await expectNextRelease(page, site, folder, 'two', { [role]: 6 });
      await expect.poll(async () => (await statusOf(page)).freshness).not.toBe('fresh');
      const refusal = { code: 'expired', facts: { role, version: 2 } };
      expect(await update(page)).toMatchObject({ outcome: 'failed', refusal, freshness: 'frozen' });
      expect((await statusOf(page)).freshness).toBe('frozen');
      await expectViolation(page, { during: 'update', ...refusal });

      // Frozen for every page that is opened from now on, and after a restart of the browser.
      const expectFrozen = async (): Promise<void> => {
        expect((await page.goto(site.url))?.status()).toBe(503);
        await expect(page.locator('dd').first()).toHaveText('expired');
      };
      await expectFrozen();
      page = await (await profile.restart()).newPage();
      await expectFrozen();
      await site.publish(await makeRelease(folder, 'three'));
      await openApp(page, site.url);
      expect(await releaseShown(page)).toBe('three');
      expect((await statusOf(page)).freshness).toBe('fresh');
    });
  }

  test('A7 an expired root freezes the app until there is a newer one', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    const thief = new Thief(site);
    const writeRoot = async (version: number, life: number): Promise<void> => {
      const root = await nextRoot(await thief.read('root', version - 1), {}, await thief.signers('root'), Date.now() + life);
      await thief.write('root', version, root);
    };
    await writeRoot(2, 6_000);
    expect(await update(page)).toEqual({ outcome: 'current' });
    await expect.poll(async () => (await statusOf(page)).freshness).not.toBe('fresh');
    expect(await update(page)).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'expired', facts: { role: 'root' } },
      freshness: 'frozen',
    });
    expect((await page.goto(site.url))?.status()).toBe(503);

    await writeRoot(3, 3_600_000);
    await page.reload();
    expect(await releaseShown(page)).toBe('one');
    expect(await statusOf(page)).toMatchObject({ freshness: 'fresh', root: { version: 3 } });
  });

  test('A7 a newer timestamp that has expired already is refused, and what runs goes on', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    await new Thief(site).forge('timestamp', (signed) => {
      signed.version++;
      signed.expires = '2020-01-01T00:00:00Z';
    });
    await expectRefused(page, 'expired', { role: 'timestamp', version: 2, actual: '2020-01-01T00:00:00.000Z' });
    expect((await statusOf(page)).freshness).toBe('fresh');
  });
});

test('A8 a snapshot of one version with the targets of another is refused', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openApp(page, site.url);
  await site.publish(await makeRelease(folder, 'two'));
  const metadata = join(site.out, 'vouchsafe/metadata');
  const honest = await readFile(join(metadata, '2.targets.json'));
  await cp(join(metadata, '1.targets.json'), join(metadata, '2.targets.json'));
  await expectRefused(page, 'mismatch', { role: 'targets', version: 2 });
  await new Thief(site).write('targets', 2, honest);
  await expectRecovery(page, site, folder, 'three');
});

test.describe('A10 keys below the threshold', () => {
  test('A10 one key of two, however often it signs, is refused', async ({ page, publishSite, folder }) => {
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
    await expectRecovery(page, site, folder, 'two');
  });

  test('A10 one key that the root lists under two keyids counts once', async ({ page, publishSite, folder }) => {
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

test('A11 a root that is not signed by both thresholds, skips a version or repeats one is refused', async ({
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

test('A14 a file that the newest release has no longer is for the pages of the old one only', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeSmallRelease(folder, 'one'));
  await openApp(page, site.url);
  const next = await makeSmallRelease(folder, 'two');
  for (const file of ['lazy.js', 'data.txt']) await rm(join(next, file));
  await site.publish(next);
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const since = site.server.requests.length;
  const tab = await page.context().newPage();
  await tab.goto(site.url);
  expect(await shownBy(tab)).toEqual({ ...whole('two'), data: 'refused', lazy: 'refused' });
  const life = await stopWorker(tab);
  expect(await shownBy(page)).toEqual(whole('one'));
  expect(await shownBy(tab)).toEqual({ ...whole('two'), data: 'refused', lazy: 'refused' });
  expect((await statusOf(tab)).life).not.toBe(life);
  // A navigation is of the new release, also in the tab that was of the old one.
  expect((await page.goto(`${site.url}data.txt`))?.status()).toBe(503);
  await expect(page.locator('dd').first()).toHaveText('not-found');
  await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: `${site.url}data.txt` } });
  expect(requestsPastTheWorker(site, since)).toEqual([]);

  await site.publish(await makeSmallRelease(folder, 'three'));
  expect(await update(tab)).toMatchObject({ outcome: 'staged' });
  await tab.reload();
  expect(await shownBy(tab)).toEqual(whole('three'));
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

  test('A14 nor does a new worker script that has the new root compiled in, offline', async ({ page, publishSite, folder }) => {
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
