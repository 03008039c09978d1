import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { WorkerEvent } from '../../src/messages/messages.js';
import { Store } from '../../src/store/store.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { ReleaseKeeper } from '../../src/worker/release-keeper.js';
import { ViolationLog } from '../../src/worker/violation-log.js';
import { RepositorySimulator } from '../repository-simulator.js';

// The orders of events that a browser test cannot force. The browser tests run the same class on real parts.
const scope = new URL('https://repository.test/');
const manifest = JSON.stringify({
  vouchsafe: 1,
  navigation: { index: 'index.html' },
  content_types: {},
  headers: [],
  offline_seconds: 60,
});

let repository: RepositorySimulator;
let store: Store;
let events: WorkerEvent[];

const release = (text: string) => repository.release({ 'vouchsafe.json': manifest, 'index.html': text, 'shared.js': 'shared' });

/** A worker that has just been started on what is stored. */
function startedKeeper(): ReleaseKeeper {
  events = [];
  const announce = async (event: WorkerEvent) => void events.push(event);
  const root = new TextDecoder().decode(repository.files.get('/metadata/1.root.json'));
  const config = { roots: [root], metadata: 'metadata/', targets: 'targets/', passthrough: [] };
  store = new Store(scope.href);
  return new ReleaseKeeper(config, scope, store, new ViolationLog(store, announce), announce);
}

const inBackground: Promise<unknown>[] = [];
const extend = (work: Promise<unknown>) => void inBackground.push(work);
const violations = () => events.filter(({ vouchsafe }) => vouchsafe === 'violation');

beforeEach(async () => {
  repository = await RepositorySimulator.create();
  vi.stubGlobal('fetch', repository.fetch);
  await release('one');
});
afterEach(async () => {
  await Promise.all(inBackground.splice(0));
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${scope.href}`);
});

describe('ReleaseKeeper', () => {
  it('activates the first release, stages the next, and activates that for a document only', async () => {
    const keeper = startedKeeper();
    expect(await keeper.update()).toMatchObject({ outcome: 'activated' });
    const first = await keeper.releaseFor('subresource', extend);
    await release('two');
    expect(await keeper.update()).toMatchObject({ outcome: 'staged' });
    expect((await keeper.releaseFor('frame', extend)).id).toBe(first.id);
    expect((await keeper.releaseFor('subresource', extend)).id).toBe(first.id);
    expect((await keeper.releaseFor('document', extend)).id).not.toBe(first.id);
  });

  it('C9 keeps staged and active apart when an update ends while a slow disk still activates', async () => {
    const keeper = startedKeeper();
    await keeper.update();
    await release('two');
    await keeper.update();
    const activate = store.activate.bind(store);
    let written = () => {};
    const disk = new Promise<void>((resolve) => {
      written = resolve;
    });
    vi.spyOn(store, 'activate').mockImplementationOnce(async (record) => {
      await activate(record);
      await disk;
    });
    const activated = keeper.activate();
    const updated = keeper.update();
    // The update has asked the repository all it asks, and is left alone with the store for a while.
    await vi.waitFor(() => expect(repository.requests.at(-1)).toBe('/metadata/timestamp.json'));
    for (let turn = 0; turn < 100; turn++) await new Promise((resolve) => setImmediate(resolve));
    written();
    await activated;
    expect(await updated).toEqual({ outcome: 'current' });
    expect((await store.loadState()).staged).toBeUndefined();
    expect(violations()).toEqual([]);
  });

  it('C8 finds its release again after the store failed once, with the server gone', async () => {
    await startedKeeper().update();
    const keeper = startedKeeper();
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')));
    vi.spyOn(store, 'loadState').mockRejectedValueOnce(new VouchsafeError('storage', 'held'));
    await expect(keeper.releaseFor('document', extend)).resolves.toMatchObject({ files: 3 });
  });

  it('downloads nothing again that a killed update had stored', async () => {
    await startedKeeper().update();
    await repository.release({ 'vouchsafe.json': manifest, 'index.html': 'two', 'shared.js': 'shared', 'a.js': 'a', 'b.js': 'b' });
    repository.answer = (path) => (path.endsWith('b.js') ? new Response(null, { status: 500 }) : undefined);
    expect(await startedKeeper().update()).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'unreachable', facts: { status: 500 } },
    });
    repository.answer = undefined;
    repository.requests.length = 0;
    expect(await startedKeeper().update()).toMatchObject({ outcome: 'staged' });
    expect(
      repository.requests.filter((path) => path.startsWith('/targets/')).map((path) => path.split('.').slice(1).join('.')),
    ).toEqual(['b.js']);
  });

  it('a release without a manifest, or with one of a later format, is refused and what runs goes on', async () => {
    const keeper = startedKeeper();
    await keeper.update();
    await repository.release({ 'index.html': 'two' });
    expect(await keeper.update()).toMatchObject({
      outcome: 'failed',
      refusal: { code: 'not-found', facts: { path: 'vouchsafe.json' } },
    });
    await repository.release({ 'index.html': 'two', 'vouchsafe.json': manifest.replace('1', '2') });
    expect(await keeper.update()).toMatchObject({ outcome: 'failed', refusal: { code: 'unsupported' } });
    await expect(keeper.releaseFor('document', extend)).resolves.toMatchObject({ files: 3 });
  });
});
