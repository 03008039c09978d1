import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { FetchFunction } from '../../src/tuf/download.js';
import { Root } from '../../src/tuf/root.js';
import { Snapshot } from '../../src/tuf/snapshot.js';
import { Targets } from '../../src/tuf/targets.js';
import { Timestamp } from '../../src/tuf/timestamp.js';
import { Updater } from '../../src/tuf/updater.js';
import { MemoryStore } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const REPOSITORIES = new URL('../../../shared/data/repositories/', import.meta.url);
const PARSERS = { root: Root, timestamp: Timestamp, snapshot: Snapshot, targets: Targets };
// They are kept beside the project, not in it; a clone without them has nothing to test here.
const reason = existsSync(REPOSITORIES) ? '' : ' (skipped: ../shared/data is not here)';

/** Specification section 4.1: dates are "YYYY-MM-DDTHH:MM:SSZ". Sigstore's first three roots have fractions of a second and offsets. */
const AGAINST_SECTION_4_1 = ['1.root.json', '2.root.json', '3.root.json'];

/** A repository on disk, as a web server would have it at the time it was copied. */
class Folder {
  readonly url: URL;
  /** Paths asked for, in order. */
  readonly requests: string[] = [];

  constructor(name: string) {
    this.url = new URL(`${name}/`, REPOSITORIES);
  }

  read(path: string): Uint8Array<ArrayBuffer> {
    return new Uint8Array(readFileSync(new URL(path, this.url)));
  }

  text(path: string): string {
    return new TextDecoder().decode(this.read(path)).trim();
  }

  readonly fetch: FetchFunction = async (url) => {
    const path = new URL(url).pathname.slice(1);
    this.requests.push(path);
    return existsSync(new URL(path, this.url)) ? new Response(this.read(path)) : new Response('no such file', { status: 404 });
  };

  client(root: string, store = new MemoryStore()): Updater {
    return new Updater({
      root: this.read(root),
      store,
      fetch: this.fetch,
      metadataUrl: 'https://repository.test/metadata/',
      targetsUrl: 'https://repository.test/targets/',
      now: () => Date.parse(this.text('faketime')),
    });
  }
}

const sigstoreRoots = Array.from({ length: 12 }, (_, i) => `metadata/${i + 1}.root.json`);
const STARTS = {
  sigstore: ['initial_root.json', ...sigstoreRoots.filter((name) => !AGAINST_SECTION_4_1.some((old) => name.endsWith(`/${old}`)))],
  'tuf-on-ci': ['initial_root.json', 'metadata/1.root.json'],
};
const NEWEST = {
  sigstore: { root: 12, timestamp: 272, snapshot: 159, targets: 11 },
  'tuf-on-ci': { root: 1, timestamp: 2, snapshot: 2, targets: 1 },
};

describe.skipIf(reason)(`the metadata of repositories that others made is read${reason}`, () => {
  for (const repository of ['sigstore', 'tuf-on-ci']) {
    test(repository, () => {
      const folder = new URL(`${repository}/metadata/`, REPOSITORIES);
      const refused: string[] = [];
      for (const name of readdirSync(folder)) {
        const bytes = readFileSync(new URL(name, folder));
        const type = JSON.parse(bytes.toString()).signed._type as keyof typeof PARSERS;
        try {
          expect(new PARSERS[type](bytes).bytes).toBe(bytes);
        } catch (error) {
          expect(error).toEqual(refusal('malformed'));
          refused.push(name);
        }
      }
      expect(refused.sort()).toEqual(repository === 'sigstore' ? AGAINST_SECTION_4_1 : []);
    });
  }
});

describe.skipIf(reason)(`a client fetches the target of a repository that others made${reason}`, () => {
  for (const name of ['sigstore', 'tuf-on-ci'] as const) {
    for (const root of STARTS[name]) {
      test(`${name}, from ${root}`, async () => {
        const folder = new Folder(name);
        const store = new MemoryStore();
        const path = folder.text('targetpath');
        const fetchTarget = async () => {
          const client = folder.client(root, store);
          const trusted = await client.refresh();
          const versions = [trusted.root, trusted.timestamp, trusted.snapshot, trusted.targets].map((role) => role?.version);
          expect(versions).toEqual(Object.values(NEWEST[name]));
          const target = await client.findTarget(path);
          if (!target) throw new Error(`${path} is not found`);
          const bytes = await client.downloadTarget(target);
          // The publisher's tool wrote the hash into the file's name; this asks another implementation of SHA-256 for it.
          const hash = createHash('sha256').update(bytes).digest('hex');
          expect(folder.requests.at(-1)?.split('/').at(-1)).toBe(`${hash}.${path.split('/').at(-1)}`);
        };
        await fetchTarget();
        // From the store, a second client needs only what tells it that nothing is newer, and the target.
        folder.requests.length = 0;
        await fetchTarget();
        const next = NEWEST[name].root + 1;
        expect(folder.requests.slice(0, -1)).toEqual([`metadata/${next}.root.json`, 'metadata/timestamp.json']);
      });
    }
  }

  test('sigstore, a target of a delegated role', async () => {
    const folder = new Folder('sigstore');
    const store = new MemoryStore();
    const found = await folder.client('initial_root.json', store).findTarget('registry.npmjs.org/keys.json');
    expect(found?.length).toBe(2121);
    expect(store.roles.get('registry.npmjs.org')).toEqual(folder.read('metadata/5.registry.npmjs.org.json'));
    // The delegation is terminating, so nobody else is asked.
    expect(await folder.client('initial_root.json', store).findTarget('registry.npmjs.org/other.json')).toBeUndefined();
  });

  for (const name of AGAINST_SECTION_4_1) {
    test(`sigstore, from ${name}: not, since its expiry date is not the one of specification section 4.1`, async () => {
      const folder = new Folder('sigstore');
      const { expires } = JSON.parse(folder.text(`metadata/${name}`)).signed;
      expect(expires).not.toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const refused = folder.client(`metadata/${name}`).refresh();
      await expect(refused).rejects.toEqual(refusal('malformed', { role: 'root' }));
      await expect(refused).rejects.toThrow('"expires" must be a date like');
      expect(folder.requests).toEqual([]);
    });
  }
});
