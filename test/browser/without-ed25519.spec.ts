import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVERYTHING, FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, type Site, test } from './fixtures.js';
import { openApp, statusOf, stopWorker, update } from './page-actions.js';

// Neither browser has a switch any more that turns its Ed25519 off. So the worker script is given a first line that makes WebCrypto answer
// as that of an engine without it does. All else is real: the two scripts, the signatures, and what a worker may import when.
const WITHOUT_ED25519 = `{
  const { importKey } = SubtleCrypto.prototype;
  SubtleCrypto.prototype.importKey = function (format, data, algorithm, ...rest) {
    return algorithm === 'Ed25519'
      ? Promise.reject(new DOMException('Algorithm: Unrecognized name', 'NotSupportedError'))
      : importKey.call(this, format, data, algorithm, ...rest);
  };
}
`;
const SCRIPT = /vouchsafe-ed25519\.js$/;

async function hideEd25519({ server, out }: Site): Promise<void> {
  const body = WITHOUT_ED25519 + (await readFile(join(out, 'vouchsafe-worker.js'), 'utf8'));
  server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
}

/** Each once: a browser that looks for a newer worker asks for what that imported again. */
const asked = ({ server }: Site) => [...new Set(server.paths().filter((path) => SCRIPT.test(path)))];

test('the script with Ed25519 is never asked for where the engine has it', async ({ page, publishSite, folder }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  await stopWorker(page);
  await site.publish(await makeRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  expect(asked(site)).toEqual([]);
});

test('an engine without Ed25519 gets it when the worker installs, and still has it when the worker starts again, also offline', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await hideEd25519(site);
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(asked(site)).toEqual(['/vouchsafe-ed25519.js']);

  const life = await stopWorker(page);
  await site.server.goOffline();
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const status = await statusOf(page);
  expect(status).toMatchObject({ freshness: 'fresh', violations: [] });
  expect(status.life).not.toBe(life);

  await site.server.goOnline();
  await site.publish(await makeRelease(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await releaseShown(page)).toBe('two');
  expect((await statusOf(page)).violations).toEqual([]);
});

test('without Ed25519 a signature that is not right is refused as everywhere', { tag: '@chromium' }, async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await hideEd25519(site);
  await openApp(page, site.url);
  const timestamp = join(site.out, 'vouchsafe/metadata/timestamp.json');
  await site.publish(await makeRelease(folder, 'two'));
  const forged = JSON.parse(await readFile(timestamp, 'utf8')) as { signatures: { sig: string }[] };
  const [signature] = forged.signatures;
  if (!signature) throw new Error('A timestamp is signed.');
  signature.sig = signature.sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  site.server.lie({ match: /timestamp\.json$/, body: JSON.stringify(forged), type: 'application/json' });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'unsigned', facts: { role: 'timestamp' } } });
});

test('below a base path the script is next to the worker', { tag: '@chromium' }, async ({ page, publishSite, folder }) => {
  const directory = join(folder, 'based');
  await cp(FIXTURE_APP, directory, { recursive: true });
  await writeFile(join(directory, 'main.js'), "document.documentElement.dataset.done = 'yes'; window.proof.module = 'ran';");
  const site = await publishSite(directory, { base: '/shop/' });
  await hideEd25519(site);
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual({ classic: 'ran', module: 'ran' });
  expect(asked(site)).toEqual(['/shop/vouchsafe-ed25519.js']);
});

for (const [what, lie] of Object.entries({
  'is not there': { status: 404 },
  'is a page': { body: '<!doctype html><title>Home</title>', type: 'text/html' },
  'is another script': { body: 'self.somethingElse = 1', type: 'text/javascript' },
})) {
  test(`where the script ${what} the worker does not install, and does when the script is right`, { tag: '@chromium' }, async ({
    page,
    publishSite,
  }) => {
    const site = await publishSite(FIXTURE_APP);
    await hideEd25519(site);
    const told = site.server.lie({ match: SCRIPT, ...lie });
    await page.goto(site.url);
    await expect(page.locator('#title')).toHaveText('This site was not opened');
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).map(({ active }) => active))).toEqual(
      [],
    );
    told();
    await openApp(page, site.url);
    expect(await proofOf(page)).toEqual(EVERYTHING);
  });
}
