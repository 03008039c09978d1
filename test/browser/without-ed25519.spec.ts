import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import { EVERYTHING, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, type Site, test } from './fixtures.js';
import { openApp, statusOf, stopWorker, update } from './page-actions.js';

// No browser has a switch any more that turns its Ed25519 off. So the worker script is given a first line that makes WebCrypto answer
// as that of an engine without it does, and tells the server that it did. All else is real: the script and the signatures.
const WITHOUT_ED25519 = `{
  const { importKey } = SubtleCrypto.prototype;
  SubtleCrypto.prototype.importKey = function (format, data, algorithm, ...rest) {
    if ((algorithm.name ?? algorithm) !== 'Ed25519') return importKey.call(this, format, data, algorithm, ...rest);
    fetch('/hid-ed25519').catch(() => {});
    return Promise.reject(new DOMException('Algorithm: Unrecognized name', 'NotSupportedError'));
  };
}
`;

/** Opens release one, and sees that the worker had to do without the engine's Ed25519. */
async function openWithoutEd25519(page: Page, site: Site): Promise<void> {
  const { server, out, url } = site;
  const body = WITHOUT_ED25519 + (await readFile(join(out, 'vouchsafe-worker.js'), 'utf8'));
  server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
  await openApp(page, url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  expect(server.paths()).toContain('/hid-ed25519');
}

test('an engine without Ed25519 has it from the worker script, also when the worker starts again offline', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  await openWithoutEd25519(page, site);

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
  await openWithoutEd25519(page, site);
  const timestamp = join(site.out, 'vouchsafe/metadata/timestamp.json');
  await site.publish(await makeRelease(folder, 'two'));
  const forged = JSON.parse(await readFile(timestamp, 'utf8')) as { signatures: { sig: string }[] };
  const [signature] = forged.signatures;
  if (!signature) throw new Error('A timestamp is signed.');
  signature.sig = signature.sig.replace(/^./, (digit) => (digit === '0' ? '1' : '0'));
  site.server.lie({ match: /timestamp\.json$/, body: JSON.stringify(forged), type: 'application/json' });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'unsigned', facts: { role: 'timestamp' } } });
});
