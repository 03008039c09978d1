import { beforeEach, describe, expect, it } from 'vitest';
import { signIndex } from '../../src/repository/targets-index.js';
import type { DocumentName } from '../../src/store/store.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { Targets } from '../../src/tuf/targets.js';
import { TargetsIndex } from '../../src/tuf/targets-index.js';
import { documentsOf, TargetFiles } from '../../src/worker/target-files.js';
import { RepositorySimulator, signedPart } from '../repository-simulator.js';

let targets: Targets;
let index: TargetsIndex;
/** What is stored; anybody may write there. */
let stored: Map<DocumentName, Uint8Array>;
/** What was read, in order. */
let read: DocumentName[];
let damage: unknown[];
let downloads: number;
let isOnline: boolean;

beforeEach(async () => {
  const repository = await RepositorySimulator.create();
  await repository.release(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`assets/${i}.js`, `${i}`])));
  const trusted = await repository.client().refresh();
  targets = new Targets(repository.current('targets'));
  const made = await documentsOf(targets, trusted);
  if (!made.index) throw new Error('no index');
  index = made.index;
  stored = new Map(made.documents);
  read = [];
  damage = [];
  downloads = 0;
  isOnline = true;
});

const opened = () =>
  TargetFiles.indexed(index, {
    async load(name) {
      read.push(name);
      return stored.get(name);
    },
    async save(documents) {
      for (const [name, bytes] of documents) stored.set(name, bytes);
    },
    async download() {
      downloads++;
      if (!isOnline) throw new VouchsafeError('unreachable', 'The server cannot be reached.');
      return targets.bytes;
    },
    onDamage: (error) => damage.push(error),
  });

const everyPath = () => [...targets.files.keys()];
const flipped = (bytes: Uint8Array | undefined) => bytes?.map((byte) => byte ^ 1) ?? new Uint8Array();

describe('a release that is opened by its index', () => {
  it('reads the one block that a path is in, once, and says so before', async () => {
    const files = opened();
    expect(files.count).toBe(1000);
    expect(files.has('assets/7.js')).toBeUndefined();
    expect(await files.find('assets/7.js')).toEqual(targets.files.get('assets/7.js'));
    expect(await files.find('assets/7.js')).toEqual(targets.files.get('assets/7.js'));
    expect(files.has('assets/7.js')).toBe(true);
    expect(await files.find('assets/7.jsx')).toBeUndefined();
    expect(files.has('assets/7.jsx')).toBe(false);
    expect(read).toEqual([index.blockOf('assets/7.js')]);
    expect(read).not.toContain('targets');
  });

  it('finds every file, and none that is not listed', async () => {
    const files = opened();
    for (const path of everyPath()) expect(await files.find(path)).toEqual(targets.files.get(path));
    for (const path of ['', 'a', 'constructor', '__proto__', 'zzz']) expect(await files.find(path)).toBeUndefined();
    expect(new Set(read).size).toBe(index.blocks);
    expect([damage, downloads]).toEqual([[], 0]);
    expect(await files.all()).toEqual(targets.files);
  });

  it('needs nothing from the store of a release that has just come', async () => {
    const files = TargetFiles.of(targets.files);
    expect(await files.find('assets/7.js')).toEqual(targets.files.get('assets/7.js'));
    expect(files.has('nothing')).toBe(false);
    expect([files.count, files.bytes]).toEqual([index.files, index.byteCount]);
  });
});

describe('C7 a page script that writes into the documents', () => {
  it('of a block costs reading the whole document, and the blocks are right again', async () => {
    const honest = new Map(stored);
    for (const forged of [flipped(stored.get(3)), stored.get(4) ?? new Uint8Array(), new Uint8Array(), targets.bytes]) {
      stored.set(3, forged);
      const files = opened();
      for (const path of everyPath()) expect(await files.find(path)).toEqual(targets.files.get(path));
      expect(damage.splice(0)).toMatchObject([{ code: 'mismatch', facts: { role: 'targets' } }]);
      expect(stored).toEqual(honest);
    }
    expect(downloads).toBe(0);
  });

  it('of everything costs one download, and all is right again', async () => {
    const honest = new Map(stored);
    for (const name of stored.keys()) stored.set(name, flipped(stored.get(name)));
    const files = opened();
    expect(await Promise.all(everyPath().map((path) => files.find(path)))).toEqual([...targets.files.values()]);
    expect(downloads).toBe(1);
    expect(damage).not.toEqual([]);
    expect(stored).toEqual(honest);
  });

  it('of everything, offline, is a refusal until the repository can be reached', async () => {
    stored.clear();
    isOnline = false;
    const files = opened();
    await expect(files.find('assets/7.js')).rejects.toMatchObject({ code: 'unreachable' });
    await expect(files.all()).rejects.toMatchObject({ code: 'unreachable' });
    expect(files.has('assets/7.js')).toBeUndefined();
    isOnline = true;
    expect(await files.find('assets/7.js')).toEqual(targets.files.get('assets/7.js'));
  });
});

describe('the documents of a release', () => {
  it('are the whole targets metadata alone where the snapshot has no signatures of its index, or of another one', async () => {
    const repository = await RepositorySimulator.create();
    await repository.release({ 'a.js': 'a', 'b.js': 'b' });
    const { meta } = signedPart(repository.current('snapshot')) as { meta: { 'targets.json': JsonObject } };
    const current = new Targets(repository.current('targets'));
    const others = await signIndex(current, () => true, repository.signers.targets);
    const { index_signatures: _, ...plain } = meta['targets.json'];
    for (const [version, entry] of [plain, { ...plain, index_signatures: others }, { ...plain, index_signatures: [] }].entries()) {
      const snapshot = await repository.forge('snapshot', { version: 3 + version, meta: { 'targets.json': entry } });
      await repository.serve({ snapshot });
      const made = await documentsOf(current, await repository.client().refresh());
      expect([made.index, [...made.documents.keys()]]).toEqual([undefined, ['targets']]);
    }
    await repository.serve({ snapshot: await repository.forge('snapshot', { version: 9, meta }) });
    const { index: made } = await documentsOf(current, await repository.client().refresh());
    expect(made).toBeInstanceOf(TargetsIndex);
  });
});
