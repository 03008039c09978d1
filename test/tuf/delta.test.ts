import { expect, test } from 'vitest';
import { makeDelta } from '../../src/repository/delta.js';
import { applyDelta, deltaName } from '../../src/tuf/delta.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const files = (changed: Record<string, string> = {}): Record<string, string> => ({
  ...Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`assets/ünit, "${i}".js`, `${i}`])),
  ...changed,
});

/** A repository whose second release changed three of 200 files, and a client that has the first. */
const twoReleases = async () => {
  const simulator = await RepositorySimulator.create();
  await simulator.release(files());
  const base = simulator.metadata?.targets ?? new Uint8Array();
  const store = new MemoryStore();
  await simulator.client(store).refresh();
  await simulator.release(files({ 'assets/ünit, "7".js': 'new', 'assets/ünit, "70".js': 'new', 'added.js': 'new' }));
  const bytes = simulator.metadata?.targets ?? new Uint8Array();
  const name = await deltaName('targets', 3, base);
  simulator.requests.length = 0;
  const refresh = async () => {
    const { targets } = await simulator.client(store, { hasDeltas: true }).refresh();
    expect(targets?.bytes).toEqual(bytes);
    expect(store.roles.get('targets')).toEqual(bytes);
    return simulator.requests.filter((path) => path.includes('targets'));
  };
  return { simulator, store, base, bytes, name, refresh };
};

test('a client with the version before gets the next one from a delta of under a kilobyte', async () => {
  const { simulator, base, bytes, name, refresh } = await twoReleases();
  const delta = makeDelta(base, bytes);
  expect(bytes.length).toBeGreaterThan(20_000);
  expect(delta.length).toBeLessThan(1_024);
  simulator.put(name, delta);
  expect(await refresh()).toEqual([`/metadata/${name}`]);
});

test('an eager client asks for the delta together with the snapshot, and for its own when it has missed a release', async () => {
  const { simulator, store, base, bytes, name } = await twoReleases();
  simulator.put(name, makeDelta(base, bytes));
  let settle = () => {};
  const held = new Promise<void>((resolve) => {
    settle = resolve;
  });
  simulator.answer = async (path) => {
    if (path.endsWith('snapshot.json')) await held;
    return undefined as never;
  };
  const asked = () =>
    simulator.requests.filter((path) => /snapshot|targets/.test(path)).map((path) => path.replace('/metadata/', ''));
  const refreshed = simulator.client(store, { hasDeltas: true, isEager: true }).refresh();
  await expect.poll(asked).toEqual(['3.snapshot.json', name]);
  settle();
  expect((await refreshed).targets?.bytes).toEqual(bytes);
  expect(asked()).toEqual(['3.snapshot.json', name]);

  await simulator.release(files());
  await simulator.release(files({ 'added.js': 'newer' }));
  const newest = simulator.metadata?.targets ?? new Uint8Array();
  const own = await deltaName('targets', 5, bytes);
  simulator.put(own, makeDelta(bytes, newest));
  simulator.requests.length = 0;
  expect((await simulator.client(store, { hasDeltas: true, isEager: true }).refresh()).targets?.bytes).toEqual(newest);
  expect(asked()).toEqual(['5.snapshot.json', await deltaName('targets', 4, bytes), own]);
});

test('a delta makes any document from any other, also cut within characters, moved about, or from nothing', () => {
  const texts = [
    '',
    ',',
    ',,,',
    'a,b,c',
    'c,a,b,a',
    '{"ü":"ö, ä","x":[1,2]}',
    'a,b,c,a,b,c,d',
    '\ufeff,x',
    JSON.stringify(files()),
  ];
  for (const from of texts) {
    for (const to of texts) {
      const [base, bytes] = [utf8(from), utf8(to)];
      expect(applyDelta(base, makeDelta(base, bytes), bytes.length)).toEqual(bytes);
    }
  }
});

test('what a delta makes takes no more room than it has bytes, whatever it might have had', () => {
  const made = applyDelta(utf8('old'), utf8('["new ",[0,3]]'), 1_000_000);
  expect(made).toEqual(utf8('new old'));
  expect(made.buffer.byteLength).toBe(7);
});

test('where no delta is, or one that is wrong, the whole document is asked for and is the signed one', async () => {
  const { simulator, store, base, bytes, name, refresh } = await twoReleases();
  const lies: Record<string, Uint8Array | undefined> = {
    missing: undefined,
    empty: utf8(''),
    'the loader page': utf8('<!doctype html>'),
    'no list': utf8('{"begin":0}'),
    'a list of something else': utf8('[null]'),
    numbers: utf8('[1,2]'),
    nothing: utf8('[]'),
    'only the old one': utf8('[[0,99999999]]'),
    'far too much': utf8(`[${Array.from({ length: 100_000 }, () => '[0,20000]').join()}]`),
    'very many lists': utf8(`[${Array.from({ length: 2_000_000 }, () => '[]').join()}]`),
    'very deep': utf8('['.repeat(20_000)),
    'the document itself': bytes,
  };
  for (const [what, lie] of Object.entries(lies)) {
    store.roles.set('targets', base);
    simulator.requests.length = 0;
    if (lie) simulator.put(name, lie);
    expect(await refresh(), what).toEqual([`/metadata/${name}`, '/metadata/3.targets.json']);
  }
});

test('A13 of two mirrors neither of which has the delta, neither is accused', async () => {
  const { simulator, store, bytes } = await twoReleases();
  const failures: unknown[] = [];
  const { targets } = await simulator
    .client(store, {
      hasDeltas: true,
      metadataUrl: ['https://first.test/metadata/', 'https://second.test/metadata/'],
      onMirrorFailure: (error) => failures.push(error),
    })
    .refresh();
  expect(targets?.bytes).toEqual(bytes);
  expect(simulator.requests.filter((path) => path.includes('deltas'))).toHaveLength(2);
  expect(failures).toEqual([]);
});

test('A1 what a delta makes is refused when it is not what was signed, and nothing of it is kept', async () => {
  const { simulator, store, base, bytes, name } = await twoReleases();
  const forged = utf8(new TextDecoder().decode(bytes).replace('added.js', 'evil.js'));
  simulator.put(name, makeDelta(base, forged));
  simulator.put('3.targets.json', forged);
  await expect(simulator.client(store, { hasDeltas: true }).refresh()).rejects.toEqual(refusal('mismatch', { role: 'targets' }));
  expect(store.roles.get('targets')).toEqual(base);
});

test('what a page script has put into the store in place of the old one costs a request, no more', async () => {
  const { simulator, store, base, bytes, name, refresh } = await twoReleases();
  simulator.put(name, makeDelta(base, bytes));
  store.roles.set('targets', utf8('evil'));
  expect(await refresh()).toEqual([`/metadata/${await deltaName('targets', 3, utf8('evil'))}`, '/metadata/3.targets.json']);
});
