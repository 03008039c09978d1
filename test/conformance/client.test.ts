import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeDelegations } from '../../src/repository/delegation.js';
import { testSigner, utf8 } from '../repository-simulator.js';
import { CLIENT, runProgram, Session, temporaryFolder } from './session.js';

const DAY = 86_400_000;
const SUCCESS = { code: 0, stdout: '', stderr: '' };
const failure = (...words: string[]) => ({ code: 1, stdout: '', stderr: expect.stringMatching(words.join('[^]*')) });
const FIRST = { 'root.json': 1, 'snapshot.json': 1, 'targets.json': 1, 'timestamp.json': 1 };

describe('init', () => {
  test('keeps the trusted root as it is and asks for nothing', async () => {
    const session = await Session.make();
    expect(await session.run('--metadata-dir', session.metadata, 'init', session.trustedRoot)).toEqual(SUCCESS);
    expect(await readFile(join(session.metadata, 'root.json'))).toEqual(await readFile(session.trustedRoot));
    expect(await readdir(session.metadata)).toEqual(['root.json']);
    expect(session.asked()).toEqual([]);
  });

  test('fails without a trusted root', async () => {
    const session = await Session.make();
    const missing = join(session.folder, 'missing.json');
    expect(await session.run('--metadata-dir', session.metadata, 'init', missing)).toEqual(failure('ENOENT', 'missing.json'));
    expect(await readdir(session.metadata)).toEqual([]);
  });
});

describe('refresh', () => {
  test('asks in the order of the specification and keeps what came, byte for byte, under names without versions', async () => {
    const session = await Session.initialised();
    const { files } = session.repository;
    session.repository.put('timestamp.json', Buffer.concat([files.get('/metadata/timestamp.json') as Uint8Array, utf8(' \n')]));
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']);
    expect(await session.versions()).toEqual(FIRST);
    for (const name of ['1.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']) {
      const kept = await readFile(join(session.metadata, name.replace('1.', '')));
      expect(kept.equals(files.get(`/metadata/${name}`) as Uint8Array), name).toBe(true);
    }
  });

  test('asks again only for the next root and the timestamp', async () => {
    const session = await Session.initialised();
    await session.refresh();
    session.asked();
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json']);
    await session.repository.rotate({ root: [await testSigner(99)] });
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', '3.root.json', 'timestamp.json']);
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['3.root.json', 'timestamp.json']);
    expect(await session.versions()).toEqual({ ...FIRST, 'root.json': 2 });
  });

  test('a missing snapshot leaves the newer timestamp and the older snapshot, and the next refresh goes on from there', async () => {
    const session = await Session.initialised();
    await session.refresh();
    await session.repository.release({ 'app.js': 'three' });
    const snapshot = session.repository.files.get('/metadata/2.snapshot.json') as Uint8Array;
    session.repository.files.delete('/metadata/2.snapshot.json');
    session.asked();
    expect(await session.refresh()).toEqual(failure('unreachable', 'role snapshot version 2', '2.snapshot.json', 'status 404'));
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json', '2.snapshot.json']);
    expect(await session.versions()).toEqual({ ...FIRST, 'timestamp.json': 2 });
    session.repository.put('2.snapshot.json', snapshot);
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json']);
    expect(await session.versions()).toEqual({ 'root.json': 1, 'snapshot.json': 2, 'targets.json': 2, 'timestamp.json': 2 });
  });

  test('what is refused is not kept', async () => {
    const session = await Session.initialised();
    await session.refresh();
    const before = await session.written();
    const stranger = await testSigner(99);
    session.repository.put('timestamp.json', await session.repository.forge('timestamp', { version: 2 }, [stranger]));
    expect(await session.refresh()).toEqual(failure('unsigned', 'role timestamp', 'expected', 'found'));
    expect(await session.written()).toEqual(before);
  });

  test('an older timestamp than the one in the folder is refused', async () => {
    const session = await Session.initialised();
    const older = session.repository.current('timestamp');
    await session.repository.release({ 'app.js': 'three' });
    await session.refresh();
    const before = await session.written();
    session.repository.put('timestamp.json', older);
    expect(await session.refresh()).toEqual(
      failure('rollback', 'role timestamp', 'expected version 2 or later', 'found version 1'),
    );
    expect(await session.written()).toEqual(before);
  });

  test('a new root deletes what replaced keys have signed', async () => {
    const session = await Session.initialised();
    // The thief's timestamp is so high that nothing honest would follow; its own key stays, the snapshot's does not.
    session.repository.put('timestamp.json', await session.repository.forge('timestamp', { version: 100 }));
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(await session.versions()).toEqual({ ...FIRST, 'timestamp.json': 100 });
    await session.repository.rotate({ snapshot: [await testSigner(99)] });
    await session.repository.publish();
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(await session.versions()).toEqual({ 'root.json': 2, 'snapshot.json': 2, 'targets.json': 1, 'timestamp.json': 2 });
  });

  test('expired metadata in the folder does not stand in the way of newer metadata', async () => {
    const session = await Session.initialised();
    await session.refresh();
    session.repository.now += 100 * DAY;
    expect(await session.refresh()).toEqual(failure('expired', 'role timestamp'));
    await session.repository.publish();
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(await session.versions()).toEqual({ 'root.json': 1, 'snapshot.json': 2, 'targets.json': 2, 'timestamp.json': 2 });
  });

  test.each(['timestamp', 'snapshot', 'targets'])('a damaged %s in the folder heals', async (role) => {
    const session = await Session.initialised();
    await session.refresh();
    const before = await session.written();
    await writeFile(join(session.metadata, `${role}.json`), 'not JSON');
    expect(await session.refresh()).toEqual(SUCCESS);
    expect(await session.written()).toEqual(before);
  });

  test('says why no answer came, down to the cause', async () => {
    const session = await Session.initialised();
    const nowhere = ['--metadata-dir', session.metadata, '--metadata-url', 'http://127.0.0.1:9/'];
    expect(await session.run(...nowhere, 'refresh')).toEqual(failure('unreachable', '2.root.json', 'Cause: ', 'Cause: '));
  });

  test('fails before init, and with a root that its own keys have not signed, without a request', async () => {
    const session = await Session.make();
    expect(await session.refresh()).toEqual(failure('run init first'));
    await writeFile(session.trustedRoot, await session.repository.forge('root', {}, [await testSigner(99)]));
    await session.run('--metadata-dir', session.metadata, 'init', session.trustedRoot);
    expect(await session.refresh()).toEqual(failure('unsigned', 'role root'));
    expect(session.asked()).toEqual([]);
  });
});

describe('download', () => {
  test('refreshes, then downloads; a second time it asks for no target', async () => {
    const session = await Session.initialised();
    expect(await session.download('app.js')).toEqual(SUCCESS);
    const asked = session.asked();
    expect(asked.slice(0, 4)).toEqual(['2.root.json', 'timestamp.json', '1.snapshot.json', '1.targets.json']);
    expect(asked.slice(4)).toEqual([expect.stringMatching(/^\/targets\/[0-9a-f]{64}\.app\.js$/)]);
    expect(await session.downloaded()).toEqual({ 'app.js': 'one' });
    const { mtimeMs } = await stat(join(session.targets, 'app.js'));
    expect(await session.download('app.js')).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json']);
    expect((await stat(join(session.targets, 'app.js'))).mtimeMs).toBe(mtimeMs);
  });

  test('a damaged artifact and one of an older release are downloaded again, under the same name', async () => {
    const session = await Session.initialised();
    await session.download('app.js');
    await writeFile(join(session.targets, 'app.js'), 'two');
    expect(await session.download('app.js')).toEqual(SUCCESS);
    expect(await session.downloaded()).toEqual({ 'app.js': 'one' });
    await session.repository.release({ 'app.js': 'new' });
    expect(await session.download('app.js')).toEqual(SUCCESS);
    expect(await session.downloaded()).toEqual({ 'app.js': 'new' });
  });

  test('what the server has put in the place of an artifact is not kept', async () => {
    const session = await Session.initialised();
    await session.download('app.js');
    await session.repository.release({ 'app.js': 'new' });
    for (const path of session.repository.files.keys()) {
      if (path.startsWith('/targets/')) session.repository.files.set(path, utf8('bad'));
    }
    expect(await session.download('app.js')).toEqual(failure('mismatch', 'file app.js', 'expected sha256', 'found sha256'));
    expect(await session.downloaded()).toEqual({ 'app.js': 'one' });
  });

  test('several targets are downloaded in order, after one refresh', async () => {
    const session = await Session.initialised();
    expect(await session.download('style.css', 'app.js')).toEqual(SUCCESS);
    expect(session.asked().map((path) => path.replace(/[0-9a-f]{64}\./, ''))).toEqual([
      '2.root.json',
      'timestamp.json',
      '1.snapshot.json',
      '1.targets.json',
      '/targets/style.css',
      '/targets/app.js',
    ]);
    expect(await session.downloaded()).toEqual({ 'app.js': 'one', 'style.css': 'two' });
  });

  test('stops at the first target that fails', async () => {
    const session = await Session.initialised();
    expect(await session.download('app.js', 'missing', 'style.css')).toEqual(failure('not-found', 'file missing'));
    expect(await session.downloaded()).toEqual({ 'app.js': 'one' });
    expect(session.asked().filter((path) => path.includes('style.css'))).toEqual([]);
  });

  test.each(['missing', '', '..', '../app.js', 'constructor', '-x'])('the unknown target "%s" is not downloaded', async (path) => {
    const session = await Session.initialised();
    expect(await session.download(path)).toEqual(failure('not-found'));
    expect(await session.downloaded()).toEqual({});
    expect(await session.versions()).toEqual(FIRST);
  });

  test('each target has one file in the folder, whatever it is called', async () => {
    const session = await Session.initialised();
    const paths = ['a/b', 'a', 'a%2Fb', '.hidden', '...', 'ö'];
    await session.repository.release(Object.fromEntries(paths.map((path) => [path, `content of ${path}`])));
    expect(await session.download(...paths)).toEqual(SUCCESS);
    expect(await session.downloaded()).toEqual(
      Object.fromEntries(
        ['a%2Fb', 'a', 'a%252Fb', '%2Ehidden', '%2E..', '%C3%B6'].map((name, i) => [name, `content of ${paths[i]}`]),
      ),
    );
  });

  test.each(['..', '../x', '/x', 'a/../../x'])('a listed target "%s" is refused and nothing is written', async (path) => {
    const session = await Session.initialised();
    const file = { length: 1, hashes: { sha256: '0'.repeat(64) } };
    await session.repository.serve({ targets: await session.repository.forge('targets', { targets: { [path]: file } }) });
    expect(await session.download(path)).toEqual(failure('malformed'));
    expect(await session.downloaded()).toEqual({});
  });
});

describe('delegated roles', () => {
  test('are kept byte for byte, inside the folder whatever they are called, and asked for once', async () => {
    const session = await Session.initialised();
    const keys = [await testSigner(90)];
    const names = ['../x', 'a/b', '/c', '..', '.', 'ö', '?', '#', 'constructor', '__proto__', '%2e'];
    const file = await session.repository.putTarget('z.txt', 'found');
    session.repository.delegated = {
      delegations: describeDelegations(names.map((name) => ({ name, keys, threshold: 1, paths: ['*.txt'] }))),
      roles: new Map(names.map((name) => [name, { files: name === '%2e' ? [file] : [], signers: keys }])),
    };
    await session.repository.publish();
    expect(await session.download('z.txt', 'missing.txt')).toEqual(failure('not-found', 'missing.txt'));
    const encoded = names.map((name) => `${encodeURIComponent(name)}.json`);
    const asked = session.asked();
    expect(asked.slice(4, -1)).toEqual(encoded.map((name) => `1.${name}`));
    expect(await session.downloaded()).toEqual({ 'z.txt': 'found' });
    const expected = ['root', 'timestamp', 'snapshot', 'targets'].map((name) => `${name}.json`).concat(encoded);
    expect((await readdir(session.metadata)).sort()).toEqual(expected.sort());
    for (const name of encoded) {
      const kept = await readFile(join(session.metadata, name));
      expect(kept.equals(session.repository.files.get(`/metadata/1.${name}`) as Uint8Array), name).toBe(true);
    }
    expect(await session.download('z.txt')).toEqual(SUCCESS);
    expect(session.asked()).toEqual(['2.root.json', 'timestamp.json']);
  });
});

describe('the command line', () => {
  test('takes options before and after the command, and URLs without their last slash', async () => {
    const session = await Session.make();
    expect(await session.run('init', session.trustedRoot, '--metadata-dir', session.metadata)).toEqual(SUCCESS);
    const args = ['--metadata-url', `${session.url}metadata`, 'download', '--target-base-url', `${session.url}targets`];
    const folders = [`--metadata-dir=${session.metadata}`, `--target-dir=${session.targets}`];
    expect(await session.run(...args, ...folders, '--target-name', 'app.js')).toEqual(SUCCESS);
    expect(await session.downloaded()).toEqual({ 'app.js': 'one' });
  });

  const url = 'http://127.0.0.1:9/';
  test.each([
    [['refresh'], "required option '--metadata-dir <folder>'"],
    [['--metadata-dir', 'D'], 'Usage: client'],
    [['--metadata-dir', 'D', 'refresh'], 'This command needs --metadata-url.'],
    [['--metadata-dir', 'D', '--metadata-url', 'not a url', 'refresh'], 'absolute http or https URL'],
    [['--metadata-dir', 'D', '--metadata-url', 'file:///etc/', 'refresh'], 'absolute http or https URL'],
    [['--metadata-dir', 'D', '--metadata-url', url, 'download'], 'This command needs --target-name.'],
    [['--metadata-dir', 'D', '--target-name', 'x', 'download'], 'This command needs --target-base-url.'],
    [['--metadata-dir', 'D', '--target-name', 'x', '--target-base-url', url, 'download'], 'This command needs --target-dir.'],
    [['--metadata-dir', 'D', 'init'], "missing required argument 'trusted-root'"],
    [['--metadata-dir', 'D', 'update'], "unknown command 'update'"],
    [['--metadata-dir', 'D', '--mirror', url, 'refresh'], "unknown option '--mirror'"],
  ])('says what is wrong with %j', async (args, words) => {
    const folder = await temporaryFolder();
    const ended = await runProgram(
      CLIENT,
      args.map((arg) => (arg === 'D' ? folder : arg)),
    );
    expect(ended).toEqual({ code: 1, stdout: '', stderr: expect.stringContaining(words) });
    expect(await readdir(folder)).toEqual([]);
  });

  test('says that it is not built', async () => {
    const copy = join(await temporaryFolder(), 'client.mjs');
    await copyFile(CLIENT, copy);
    expect(await runProgram(process.execPath, [copy])).toEqual(failure('npm run build'));
  });
});
