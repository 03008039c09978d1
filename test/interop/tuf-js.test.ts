import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater as TufJsUpdater } from 'tuf-js';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type DelegationDefinition, describeDelegations, describeHashBins, sortIntoBins } from '../../src/repository/delegation.js';
import type { DelegatedRole } from '../../src/repository/release.js';
import type { TargetFile } from '../../src/tuf/file.js';
import { Updater } from '../../src/tuf/updater.js';
import { RepositorySimulator, START, testSigner, utf8 } from '../repository-simulator.js';
import { refusal } from '../tuf/refusal.js';
import type { FileServer } from './file-server.js';
import { FileStore } from './file-store.js';
import { serveFolder, writeFiles } from './folder-server.js';
import { type ModelsDelegation, ModelsRepository } from './models-repository.js';
import { type NodeKeyType, nodeSigner } from './node-signers.js';

let folder: string;
let server: FileServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vouchsafe-interop-'));
  // tuf-js asks the system's clock. The simulator's metadata begins in 2030.
  vi.useFakeTimers({ toFake: ['Date'], now: START });
});

afterEach(async () => {
  vi.useRealTimers();
  await server?.close();
  rmSync(folder, { recursive: true });
});

/** Serves the files of a repository from a folder. */
async function serve({ files }: { readonly files: ReadonlyMap<string, Uint8Array> }): Promise<string> {
  server = await serveFolder(join(folder, 'site'), files);
  return server.url;
}

/** tuf-js with a trusted root, keeping its metadata in a folder. */
function tufJs(url: string, root: Uint8Array): TufJsUpdater {
  const metadataDir = join(folder, 'tuf-js');
  mkdirSync(join(metadataDir, 'targets'), { recursive: true });
  writeFileSync(join(metadataDir, 'root.json'), root);
  return againTufJs(url);
}

/** tuf-js with the metadata that it has. */
function againTufJs(url: string): TufJsUpdater {
  const metadataDir = join(folder, 'tuf-js');
  const targetDir = join(metadataDir, 'targets');
  return new TufJsUpdater({ metadataDir, metadataBaseUrl: `${url}metadata/`, targetDir, targetBaseUrl: `${url}targets/` });
}

async function readWithTufJs(client: TufJsUpdater, path: string): Promise<string> {
  const info = await client.getTargetInfo(path);
  if (!info) throw new Error(`tuf-js does not find ${path}.`);
  return readFileSync(await client.downloadTarget(info), 'utf8');
}

/** Our client with a trusted root, keeping its metadata in a folder. */
function ours(url: string, root: Uint8Array): Updater {
  const store = join(folder, 'ours');
  mkdirSync(store, { recursive: true });
  return new Updater({
    root,
    store: new FileStore(store),
    fetch,
    metadataUrl: `${url}metadata/`,
    targetsUrl: `${url}targets/`,
  });
}

async function readWithOurs(client: Updater, path: string): Promise<string> {
  const target = await client.findTarget(path);
  if (!target) throw new Error(`We do not find ${path}.`);
  return Buffer.from(await client.downloadTarget(target)).toString();
}

function hashOf(path: string): string {
  return createHash('sha256').update(path).digest('hex');
}

describe('tuf-js reads what we publish', () => {
  test('a top-level target', async () => {
    const repository = await RepositorySimulator.create({ root: 2, timestamp: 2, snapshot: 2, targets: 2 });
    await repository.release({ 'app.js': 'one', 'release notes/ä b.txt': 'two' });
    const client = tufJs(await serve(repository), repository.root);
    expect(await readWithTufJs(client, 'app.js')).toBe('one');
    expect(await readWithTufJs(client, 'release notes/ä b.txt')).toBe('two');
    expect(await client.getTargetInfo('other.js')).toBeUndefined();
    expect(readdirSync(join(folder, 'tuf-js')).sort()).toEqual([
      'root.json',
      'snapshot.json',
      'targets',
      'targets.json',
      'timestamp.json',
    ]);
  });

  test('a target of a release after three root rotations, from the first root and from the metadata it has', async () => {
    const repository = await RepositorySimulator.create();
    const first = repository.root;
    const url = await serve(repository);
    expect(await readWithTufJs(tufJs(url, first), 'app.js')).toBe('one');
    for (const seed of [101, 111, 121]) {
      await repository.rotate({
        root: [await testSigner(seed), await testSigner(seed + 1)],
        timestamp: [await testSigner(seed + 2)],
        snapshot: [await testSigner(seed + 3)],
        targets: [await testSigner(seed + 4)],
      });
    }
    await repository.release({ 'app.js': 'after the rotations' });
    writeFiles(join(folder, 'site'), repository.files);
    expect(await readWithTufJs(againTufJs(url), 'app.js')).toBe('after the rotations');
    rmSync(join(folder, 'tuf-js'), { recursive: true });
    expect(await readWithTufJs(tufJs(url, first), 'app.js')).toBe('after the rotations');
    const { signed } = JSON.parse(readFileSync(join(folder, 'tuf-js', 'root.json'), 'utf8'));
    expect(signed.version).toBe(4);
  });

  test('targets of delegated roles, and of the role that has priority', async () => {
    const repository = await RepositorySimulator.create();
    const [docs, tools, deep] = [await testSigner(201), await testSigner(202), await testSigner(203)];
    const definitions: DelegationDefinition[] = [
      { name: 'docs', keys: [docs], threshold: 1, paths: ['docs/*.md'] },
      { name: 'tools & more', keys: [tools], threshold: 1, paths: ['tools/*/*', 'docs/*.md'], isTerminating: true },
    ];
    const deeper: DelegationDefinition = { name: 'deep', keys: [deep, docs], threshold: 2, paths: ['tools/deep/*'] };
    const put = (path: string, text: string) => repository.putTarget(path, text);
    repository.delegated = {
      delegations: describeDelegations(definitions),
      roles: new Map<string, DelegatedRole>([
        ['docs', { files: [await put('docs/a.md', 'from docs'), await put('docs/deep/c.md', 'stray')], signers: [docs] }],
        [
          'tools & more',
          {
            files: [await put('docs/a.md', 'from tools'), await put('docs/b.md', 'b from tools'), await put('stray.txt', 'stray')],
            signers: [tools],
            delegations: describeDelegations([deeper]),
          },
        ],
        ['deep', { files: [await put('tools/deep/x', 'from deep')], signers: [deep, docs] }],
      ]),
    };
    await repository.publish();
    const url = await serve(repository);
    for (const read of [
      (path: string) => readWithTufJs(tufJs(url, repository.root), path),
      (path: string) => readWithOurs(ours(url, repository.root), path),
    ]) {
      expect(await read('docs/a.md')).toBe('from docs');
      expect(await read('docs/b.md')).toBe('b from tools');
      expect(await read('tools/deep/x')).toBe('from deep');
      // The roles list them, but they are not among the paths that the roles are trusted for: a star matches no slash.
      for (const path of ['stray.txt', 'docs/deep/c.md']) await expect(read(path)).rejects.toThrow(`not find ${path}`);
    }
  });

  test('targets in succinct hash bins', async () => {
    const repository = await RepositorySimulator.create();
    const signer = await testSigner(211);
    // 10 bits: names have three digits, the last of which counts two bits only.
    const definition = { keys: [signer], threshold: 1, namePrefix: 'bin', bitLength: 10 };
    const files: TargetFile[] = [];
    for (let i = 0; i < 40; i++) files.push(await repository.putTarget(`file-${i}.txt`, `content ${i}`));
    const bins = await sortIntoBins(definition, files);
    repository.delegated = {
      delegations: describeHashBins(definition),
      roles: new Map([...bins].map(([role, files]) => [role, { files, signers: [signer] }])),
    };
    await repository.publish();
    const client = tufJs(await serve(repository), repository.root);
    for (let i = 0; i < 40; i++) expect(await readWithTufJs(client, `file-${i}.txt`)).toBe(`content ${i}`);
    expect(await client.getTargetInfo('file-40.txt')).toBeUndefined();
  });

  test('targets in bins by path_hash_prefixes', async () => {
    const repository = await RepositorySimulator.create();
    const signer = await testSigner(221);
    const digits = [...'0123456789abcdef'];
    const bins = new Map<string, { files: TargetFile[]; signers: [typeof signer] }>(
      digits.map((digit) => [`bin-${digit}`, { files: [], signers: [signer] }]),
    );
    for (let i = 0; i < 40; i++) {
      bins.get(`bin-${hashOf(`file-${i}.txt`)[0]}`)?.files.push(await repository.putTarget(`file-${i}.txt`, `content ${i}`));
    }
    const definitions = digits.map((digit) => ({
      name: `bin-${digit}`,
      keys: [signer],
      threshold: 1,
      paths: { hashPrefixes: [`${digit}0`, ...digits.slice(1).map((second) => digit + second)] },
    }));
    repository.delegated = { delegations: describeDelegations(definitions), roles: bins };
    await repository.publish();
    const client = tufJs(await serve(repository), repository.root);
    for (let i = 0; i < 40; i++) expect(await readWithTufJs(client, `file-${i}.txt`)).toBe(`content ${i}`);
  });
});

test('both refuse a target with one byte changed, and leave nothing of it', async () => {
  const repository = await RepositorySimulator.create();
  const url = await serve(repository);
  const [[path] = ['']] = [...repository.files].filter(([name]) => name.endsWith('.app.js'));
  writeFiles(join(folder, 'site'), [[path, utf8('onE')]]);
  await expect(readWithTufJs(tufJs(url, repository.root), 'app.js')).rejects.toThrow('Expected hash');
  expect(readdirSync(join(folder, 'tuf-js', 'targets'))).toEqual([]);
  await expect(readWithOurs(ours(url, repository.root), 'app.js')).rejects.toEqual(refusal('mismatch'));
});

test('both refuse metadata with one byte changed', async () => {
  const repository = await RepositorySimulator.create();
  const url = await serve(repository);
  const original = Buffer.from(repository.current('timestamp')).toString();
  writeFiles(join(folder, 'site'), [['/metadata/timestamp.json', utf8(original.replace('"version":1}', '"version":2}'))]]);
  await expect(tufJs(url, repository.root).refresh()).rejects.toThrow('timestamp was signed by 0/1 keys');
  await expect(ours(url, repository.root).refresh()).rejects.toEqual(refusal('unsigned'));
});

describe('we read what tuf-js’s library publishes', () => {
  for (const keyTypes of [['ed25519'], ['ecdsa'], ['rsa'], ['ed25519', 'ecdsa', 'rsa']] as NodeKeyType[][]) {
    test(`top-level targets, signed with ${keyTypes.join(' and ')}, before and after three root rotations`, async () => {
      const repository = new ModelsRepository(keyTypes);
      repository.release({ 'app.js': 'one', 'folder/other.js': 'two' });
      const url = await serve(repository);
      const client = ours(url, repository.root);
      expect(await readWithOurs(client, 'app.js')).toBe('one');
      expect(await readWithOurs(client, 'folder/other.js')).toBe('two');
      expect(await client.findTarget('folder')).toBeUndefined();
      for (let rotation = 0; rotation < 3; rotation++) repository.rotate();
      repository.release({ 'app.js': 'after the rotations' });
      writeFiles(join(folder, 'site'), repository.files);
      const next = ours(url, repository.root);
      expect(await readWithOurs(next, 'app.js')).toBe('after the rotations');
      expect((await next.refresh()).root.version).toBe(4);
    });
  }

  test('targets of a delegated role', async () => {
    const signer = nodeSigner('ecdsa');
    const role = { name: 'docs', keyids: [signer.keyid], threshold: 1, terminating: false, paths: ['docs/*.md'] };
    const delegation: ModelsDelegation = {
      delegations: { keys: { [signer.keyid]: signer.key }, roles: [role] },
      roles: new Map([['docs', { files: { 'docs/a.md': 'from docs', 'elsewhere.md': 'stray' }, signer }]]),
    };
    const repository = new ModelsRepository(['ed25519']);
    repository.release({ 'app.js': 'one' }, delegation);
    const client = ours(await serve(repository), repository.root);
    expect(await readWithOurs(client, 'docs/a.md')).toBe('from docs');
    expect(await client.findTarget('elsewhere.md')).toBeUndefined();
  });

  test('targets in succinct hash bins', async () => {
    const signer = nodeSigner('ed25519');
    // 6 bits: the first two digits of a bin's number are the hash's first byte, shifted.
    const bins = new Map(
      Array.from({ length: 64 }, (_, i) => [
        `bin-${i.toString(16).padStart(2, '0')}`,
        { files: {} as Record<string, string>, signer },
      ]),
    );
    for (let i = 0; i < 40; i++) {
      const number = Number.parseInt(hashOf(`file-${i}.txt`).slice(0, 2), 16) >> 2;
      const bin = bins.get(`bin-${number.toString(16).padStart(2, '0')}`);
      if (bin) bin.files[`file-${i}.txt`] = `content ${i}`;
    }
    const succinct = { keyids: [signer.keyid], threshold: 1, bit_length: 6, name_prefix: 'bin' };
    const repository = new ModelsRepository(['ed25519']);
    const delegations = { keys: { [signer.keyid]: signer.key }, succinct_roles: succinct };
    repository.release({}, { delegations, roles: bins });
    const client = ours(await serve(repository), repository.root);
    for (let i = 0; i < 40; i++) expect(await readWithOurs(client, `file-${i}.txt`)).toBe(`content ${i}`);
    expect(await client.findTarget('file-40.txt')).toBeUndefined();
  });

  test('targets in bins by path_hash_prefixes', async () => {
    const signer = nodeSigner('rsa');
    const names = ['low', 'high'];
    const files = [{}, {}] as [Record<string, string>, Record<string, string>];
    for (let i = 0; i < 40; i++) files[hashOf(`file-${i}.txt`) < '8' ? 0 : 1][`file-${i}.txt`] = `content ${i}`;
    const prefixes = [[...'01234567'], [...'89abcdef']];
    const roles = names.map((name, i) => ({
      name,
      keyids: [signer.keyid],
      threshold: 1,
      terminating: true,
      path_hash_prefixes: prefixes[i] ?? [],
    }));
    const repository = new ModelsRepository(['ed25519']);
    const delegations = { keys: { [signer.keyid]: signer.key }, roles };
    repository.release({}, { delegations, roles: new Map(names.map((name, i) => [name, { files: files[i] ?? {}, signer }])) });
    const client = ours(await serve(repository), repository.root);
    for (let i = 0; i < 40; i++) expect(await readWithOurs(client, `file-${i}.txt`)).toBe(`content ${i}`);
  });
});
