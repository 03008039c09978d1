import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { signMetadata } from '../../src/repository/sign.js';
import type { Signer } from '../../src/repository/signer.js';
import { MemoryStore, RepositorySimulator, signedPart, testSigner, utf8 } from '../repository-simulator.js';
import { delegateTo, fetchText, publishTree, putFiles, roleMetadata } from './delegation-tree.js';
import { refusal } from './refusal.js';

const TARGETS_ROLES = ['targets', 'plugins'] as const;
const METADATA_URL = 'https://repository.test/metadata/';

/** Milliseconds. A bound for what would not end, not for a machine that is slow. */
const SLOW = 20_000;

let repository: RepositorySimulator;
let store: MemoryStore;
let one: Signer;

beforeEach(async () => {
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
  one = await testSigner(101);
});

/** The newest files after `publishPlugin(3)` behind a second root. */
const FILES = {
  root: '2.root',
  timestamp: 'timestamp',
  snapshot: '2.snapshot',
  targets: '2.targets',
  plugins: '3.plugins',
} as const;

/** Publishes `plugin.js`, left to the role `plugins`. The snapshot and the timestamp list no hashes, so that the content itself must be noticed. */
async function publishPlugin(version: number): Promise<void> {
  const files = { 'plugin.js': 'plugin' };
  await putFiles(repository, files);
  const plugins = await roleMetadata(version, files, [one]);
  await publishTree(repository, delegateTo({ name: 'plugins', signers: [one] }), { plugins }, 'by version');
}

describe('A10: one key counted twice', () => {
  const point = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).subarray(-65).toString('hex');
  const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

  const signer = (keyid: string, keytype: string, text: string, make: (message: Uint8Array) => Uint8Array): Signer => {
    const scheme = keytype === 'rsa' ? 'rsassa-pss-sha256' : 'ecdsa-sha2-nistp256';
    return { keyid, key: { keytype, scheme, keyval: { public: text } }, sign: async (message) => new Uint8Array(make(message)) };
  };
  const byP256 = (message: Uint8Array) => sign('sha256', message, p256.privateKey);
  const byRsa = (message: Uint8Array) => sign('sha256', message, { key: rsa.privateKey, padding: 6, saltLength: 32 });

  /** The other signature (r, n - s) that holds for the same message, which anybody can make out of the first. */
  const twin = (message: Uint8Array) => {
    const n = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
    const plain = sign('sha256', message, { key: p256.privateKey, dsaEncoding: 'ieee-p1363' }).toString('hex');
    const number = (value: bigint) => {
      const hex = value.toString(16).padStart(64, '0');
      const bytes = hex.replace(/^(00)+/, '').replace(/^(?=[89a-f])/, '00');
      return `02${(bytes.length / 2).toString(16).padStart(2, '0')}${bytes}`;
    };
    const numbers = number(BigInt(`0x${plain.slice(0, 64)}`)) + number(n - BigInt(`0x${plain.slice(64)}`));
    return Buffer.from(`30${(numbers.length / 2).toString(16).padStart(2, '0')}${numbers}`, 'hex');
  };

  const PAIRS: Readonly<Record<string, readonly [Signer, Signer]>> = {
    'an ECDSA key as PEM and as hex': [
      signer('pem', 'ecdsa', pem(p256.publicKey), byP256),
      signer('hex', 'ecdsa', point(p256.publicKey), byP256),
    ],
    'an ECDSA key under both names of its type': [
      signer('new', 'ecdsa', pem(p256.publicKey), byP256),
      signer('old', 'ecdsa-sha2-nistp256', pem(p256.publicKey), byP256),
    ],
    'an ECDSA key and both of a message’s signatures': [
      signer('s', 'ecdsa', pem(p256.publicKey), byP256),
      signer('n - s', 'ecdsa', pem(p256.publicKey), twin),
    ],
    'an RSA key in two spellings of PEM': [
      signer('lf', 'rsa', pem(rsa.publicKey), byRsa),
      signer('crlf', 'rsa', pem(rsa.publicKey).replaceAll('\n', '\r\n'), byRsa),
    ],
  };

  for (const [what, pair] of Object.entries(PAIRS)) {
    test(`${what}: refused, and accepted with the signature of another key`, async () => {
      await repository.client(store).refresh();
      const honest = repository.signers.timestamp;
      await repository.rotate({ timestamp: [...pair] });
      await repository.publish();
      await expect(repository.client(store).refresh()).rejects.toEqual(
        refusal('unsigned', { role: 'timestamp', expected: 'valid signatures by 2 distinct keys', actual: 'by 1' }),
      );
      expect(store.roles.has('timestamp')).toBe(false);
      // Each of the two is a good signature when it stands for one key.
      for (const either of pair) {
        await repository.rotate({ timestamp: [either, ...honest] });
        await repository.publish();
        await repository.client(store).refresh();
      }
    });
  }
});

describe('A11: root rotation', () => {
  /** The root that follows version 2, as a thief of some keys makes it, and what it is refused for. */
  const FORGERIES = {
    'not signed by the old threshold': { code: 'unsigned', change: { version: 3 }, by: ['new'] },
    'not signed by the new threshold': { code: 'unsigned', change: { version: 3 }, by: ['old'] },
    'that skips a version': { code: 'mismatch', change: { version: 4 }, by: ['old', 'new'] },
    'of the same version with other content': { code: 'rollback', change: { version: 2 }, by: ['old', 'new'] },
    'of a lower version': { code: 'rollback', change: { version: 1 }, by: ['old', 'new'] },
  } as const;

  for (const [what, { code, change, by }] of Object.entries(FORGERIES)) {
    test(`${what}: refused, and again after a restart; the honest one after it is taken`, async () => {
      await repository.rotate({});
      await repository.client(store).refresh();
      const saved = [...store.saved];
      const keys = { old: repository.signers.root, new: [one] };
      await repository.rotate({ root: keys.new });
      const honest = repository.root;
      const signers = by.flatMap((whose) => keys[whose]);
      repository.put('3.root.json', await repository.forge('root', { ...change, 'x-by': 'a thief' }, signers));
      for (let restart = 0; restart < 2; restart++) {
        await expect(repository.client(store).refresh()).rejects.toEqual(
          refusal(code, { role: 'root', url: `${METADATA_URL}3.root.json` }),
        );
      }
      expect(store.saved).toEqual(saved);
      repository.put('3.root.json', honest);
      expect((await repository.client(store).refresh()).root.bytes).toEqual(honest);
      expect(store.roots.get(3)).toEqual(honest);
    });
  }
});

describe('A14: a key that the newest root has no longer', () => {
  for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) {
    test(`does not count for ${role}, neither for what it signs next nor for what is stored`, async () => {
      await repository.client(store).refresh();
      const removed = repository.signers[role];
      const first = signedPart(repository.root);
      await repository.rotate({ [role]: [await testSigner(200)] });
      // A root that its own keys have signed: it names the removed key again.
      const evil = role === 'root' ? { ...first, version: 3 } : { version: 2 };
      const forged = await repository.forge(role, { ...evil, 'x-by': 'the removed key' }, removed);
      if (role === 'root') repository.put('3.root.json', forged);
      else await repository.serve({ [role]: forged });
      const stored = store.roles.get(role);
      const refused = refusal('unsigned', { role, actual: 'by 0' });
      for (let restart = 0; restart < 2; restart++) await expect(repository.client(store).refresh()).rejects.toEqual(refused);
      for (const bytes of [...store.roles.values(), ...store.roots.values()]) expect(bytes).not.toEqual(forged);
      if (role === 'targets') expect(store.roles.get(role)).toEqual(stored);
      repository.files.delete('/metadata/3.root.json');
      await repository.publish();
      expect((await repository.client(store).refresh())[role]?.bytes).toEqual(
        role === 'root' ? repository.root : repository.current(role),
      );
    });
  }
});

describe('B1: a document that is signed, as a careless parser reads it', () => {
  const edit = (change: (text: string) => string) => (bytes: Uint8Array) => utf8(change(new TextDecoder().decode(bytes)));
  /** All but the last two would have a valid signature: their canonical form is the honest one. */
  const EDITS: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
    'a byte order mark': (bytes) => new Uint8Array([0xef, 0xbb, 0xbf, ...bytes]),
    'trailing bytes': edit((text) => `${text}{}`),
    'a trailing NUL': edit((text) => `${text}\0`),
    'a duplicate key, the honest one last': edit((text) => text.replace('"signed":', '"signed":{"_type":"evil"},"signed":')),
    'a duplicate key, once escaped': edit((text) => text.replace(/"version":(\d+)/, '"\\u0076ersion":7,"version":$1')),
    'a duplicate __proto__': edit((text) => text.replace('"signed":', '"__proto__":{"a":1},"__proto__":{},"signed":')),
    'a version with a fraction of nothing': edit((text) => text.replace(/"version":(\d+)([,}])/, '"version":$1.0$2')),
    'a version with an exponent': edit((text) => text.replace(/"version":(\d+)([,}])/, '"version":$1e0$2')),
    'a version with a leading zero': edit((text) => text.replace(/"version":/, '"version":0')),
    'a minus zero beside what is signed': edit((text) => text.replace('"signed":', '"x":-0,"signed":')),
    '1e400 beside what is signed': edit((text) => text.replace('"signed":', '"x":1e400,"signed":')),
    '2^53 beside what is signed': edit((text) => text.replace('"signed":', '"x":9007199254740992,"signed":')),
    'depth 10,000 beside what is signed': edit((text) =>
      text.replace('"signed":', `"x":${'['.repeat(10_000)}${']'.repeat(10_000)},"signed":`),
    ),
    'invalid UTF-8 beside what is signed': (bytes) =>
      edit((text) => text.replace('"signed":', '"x":"~","signed":'))(bytes).map((byte) => (byte === 0x7e ? 0xff : byte)),
    'no object': edit(() => '[]'),
    'three million brackets': () => new Uint8Array(3_000_000).fill(0x5b),
  };

  for (const [what, change] of Object.entries(EDITS)) {
    test(`${what} is malformed in every role, in bounded time, and nothing of it is stored`, async () => {
      await repository.rotate({});
      await publishPlugin(3);
      for (const [role, name] of Object.entries(FILES)) {
        const honest = repository.files.get(`/metadata/${name}.json`) as Uint8Array;
        repository.put(`${name}.json`, change(honest));
        const start = performance.now();
        const limits = { rootLength: 4_000_000, timestampLength: 4_000_000 };
        await expect(repository.client(store, { limits }).findTarget('plugin.js'), role).rejects.toEqual(
          refusal('malformed', { role, url: `${METADATA_URL}${name}.json` }),
        );
        expect(performance.now() - start).toBeLessThan(SLOW);
        expect(store.saved).not.toContain(role === 'root' ? 'root 2' : role);
        repository.put(`${name}.json`, honest);
      }
      expect(await fetchText(repository.client(store), 'plugin.js')).toBe('plugin');
    });
  }

  for (const role of TARGETS_ROLES) {
    test(`50 MB of ${role} are not even held`, async () => {
      await publishPlugin(3);
      let taken = 0;
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
        taken += 1_000_000;
        controller.enqueue(new Uint8Array(1_000_000).fill(0x20));
        if (taken === 50_000_000) controller.close();
      };
      const start = performance.now();
      repository.answer = (path) => (path.endsWith(`.${role}.json`) ? new Response(new ReadableStream({ pull })) : undefined);
      await expect(repository.client(store).findTarget('plugin.js')).rejects.toEqual(refusal('too-long', { role }));
      expect(taken).toBeLessThan(40_000_000);
      expect(performance.now() - start).toBeLessThan(SLOW);
      expect(store.saved).not.toContain(role);
      repository.answer = undefined;
      expect(await fetchText(repository.client(store), 'plugin.js')).toBe('plugin');
    });
  }
});

describe('B4: dates', () => {
  for (const [role, name] of Object.entries(FILES)) {
    test(`that are none, or not in UTC, make ${role} malformed, signed or not`, async () => {
      await repository.rotate({});
      await publishPlugin(3);
      const honest = repository.files.get(`/metadata/${name}.json`) as Uint8Array;
      const signers = role === 'plugins' ? [one] : repository.signers[role as 'root'];
      for (const expires of [
        '2030-02-30T00:00:00Z',
        '2030-03-01T00:00:00',
        '2030-03-01T00:00:00+00:00',
        '2030-06-30T23:59:60Z',
        '10000-01-01T00:00:00Z',
      ]) {
        repository.put(`${name}.json`, await signMetadata({ ...signedPart(honest), expires }, signers));
        await expect(repository.client(store).findTarget('plugin.js'), expires).rejects.toEqual(refusal('malformed', { role }));
        expect(store.saved).not.toContain(role === 'root' ? 'root 2' : role);
      }
      repository.put(`${name}.json`, await signMetadata({ ...signedPart(honest), expires: '2032-02-29T23:59:59Z' }, signers));
      expect(await fetchText(repository.client(store), 'plugin.js')).toBe('plugin');
    });
  }
});
