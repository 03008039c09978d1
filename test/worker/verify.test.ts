import 'fake-indexeddb/auto';
import { deleteDB, openDB } from 'idb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Progress, VerifyResult } from '../../src/messages/messages.js';
import { type ReplyParts, replyTo } from '../../src/worker/replies.js';
import { RepositorySimulator, START } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

let repository: RepositorySimulator;
let browser: SimulatedBrowser;

const files = (release: string) => ({
  'vouchsafe.json': manifestWith({
    files: [
      { path: 'used.js', keep: 'on-demand' },
      { path: 'unused.js', keep: 'on-demand' },
      { path: 'network.js', keep: 'network-only' },
    ],
  }),
  'index.html': release,
  'shared.js': 'shared',
  'used.js': `used ${release}`,
  'unused.js': `unused ${release}`,
  'network.js': 'network',
});

/** A pinned release, an active and a staged one, each with a file that was used. */
async function threeReleases(): Promise<ReplyParts> {
  const parts = browser.start();
  const { releases, updates } = parts;
  const use = async () => {
    const { active } = releases;
    const file = await active?.targets.find('used.js');
    if (active && file) await parts.files.read(active, file);
  };
  for (const name of ['one', 'two', 'three']) {
    await repository.release(files(name));
    await updates.update();
    if (name === 'three') continue;
    await updates.activate();
    await use();
    if (name !== 'one') continue;
    browser.clients = [{ id: 'tab', url: SCOPE.href }];
    const { event } = fetchEvent('', { mode: 'navigate', destination: 'document' });
    await releases.pins.pin(Object.assign(event, { resultingClientId: 'tab' }), releases.active?.key ?? '');
  }
  expect((await releases.list()).map(({ state }) => state)).toEqual(['active', 'staged', 'pinned']);
  return parts;
}

const verify = async (parts: ReplyParts): Promise<VerifyResult> => {
  const reply = await replyTo({ vouchsafe: 'verify' }, 'tab', parts, () => {});
  if (!reply.ok) throw new Error(reply.refusal.message);
  return reply.value as VerifyResult;
};

/** As a page script can. */
async function damage(how: (pack: Uint8Array) => Uint8Array): Promise<void> {
  const database = await openDB(`vouchsafe ${SCOPE.href}`);
  for (const key of await database.getAllKeys('packs')) {
    await database.put('packs', how((await database.get('packs', key)) as Uint8Array), key);
  }
  database.close();
}

beforeEach(async () => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  repository = await RepositorySimulator.create();
  browser = new SimulatedBrowser(repository);
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

it('everything that is stored is verified: of the staged release and of those that pages stay on, and what was stored when it was used', async () => {
  const parts = await threeReleases();
  const { active } = parts.releases;
  repository.requests.length = 0;
  // By its release: the page, what was used (not of the staged one), the shared script and the manifest once.
  expect(await verify(parts)).toMatchObject({ files: 3 + 2 + 1 + 1, healed: [], failed: [] });
  expect(repository.requests).toEqual([]);

  // Past what this life of the worker has read and hashed already.
  await damage((pack) => pack.map((byte) => byte ^ 1));
  const healed = await verify(parts);
  expect(healed.failed).toEqual([]);
  expect([...healed.healed].sort()).toEqual([
    'index.html',
    'index.html',
    'index.html',
    'shared.js',
    'used.js',
    'used.js',
    'vouchsafe.json',
  ]);
  expect(repository.requests.filter((path) => /unused|network\.js/.test(path))).toEqual([]);
  expect((await parts.violations.list()).map(({ code, during }) => `${code} ${during}`)).toContain('mismatch storage');

  // The next life reads all of it without the network.
  repository.answer = () => Promise.reject(new TypeError('offline'));
  const next = browser.start();
  await next.releases.open();
  expect(next.releases.active?.id).toBe(active?.id);
  expect(await verify(next)).toMatchObject({ files: 7, healed: [], failed: [] });
});

it('what the server has no more is named as not replaced, and the rest is', async () => {
  const parts = await threeReleases();
  const hash = (await parts.releases.active?.targets.find('used.js'))?.hashes.sha256 ?? '';
  repository.answer = (path) => (path.includes(hash) ? new Response(null, { status: 404 }) : undefined);
  await damage((pack) => pack.slice(0, pack.length - 1));
  const { healed, failed } = await verify(parts);
  expect(failed).toMatchObject([{ code: 'unreachable', facts: { path: 'used.js', status: 404 } }]);
  expect(healed.length).toBeGreaterThan(0);
});

it('progress ends at what was said to be there', async () => {
  const parts = await threeReleases();
  const told: Progress[] = [];
  const { files, bytes } = await replyTo(
    { vouchsafe: 'verify' },
    'tab',
    {
      ...parts,
      announce: async (event) => {
        if (event.vouchsafe === 'verifying') told.push(event.progress);
      },
    },
    () => {},
  ).then((reply) => (reply.ok ? (reply.value as VerifyResult) : Promise.reject(reply)));
  expect(told.at(-1)).toEqual({ files, totalFiles: files, bytes, totalBytes: bytes });
});
