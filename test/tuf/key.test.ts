import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { parseKey } from '../../src/tuf/key.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

interface VectorFile {
  readonly testGroups: readonly {
    readonly publicKeyPem: string;
    /** ECDSA only. */
    readonly publicKey: { readonly uncompressed: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

const VECTORS = new URL('../../../shared/data/vectors/', import.meta.url);
// The vectors are kept beside the project, not in it; a clone without them has nothing to test here.
const reason = existsSync(VECTORS) ? '' : ' (skipped: ../shared/data is not here)';
const MESSAGE = utf8('message');

const ecdsa = (text: string, keytype = 'ecdsa') => parseKey({ keytype, scheme: 'ecdsa-sha2-nistp256', keyval: { public: text } });
const rsa = (text: string) => parseKey({ keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: text } });
const readVectors = (name: string) => JSON.parse(readFileSync(new URL(name, VECTORS), 'utf8')) as VectorFile;
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const der = (key: KeyObject) => key.export({ type: 'spki', format: 'der' }).toString('hex');
const toPem = (hex: string) =>
  `-----BEGIN PUBLIC KEY-----\n${Buffer.from(hex, 'hex').toString('base64')}\n-----END PUBLIC KEY-----\n`;
const signPss = (key: KeyObject, saltLength = 32) => sign('sha256', MESSAGE, { key, padding: 6, saltLength }).toString('hex');

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa2048 = generateKeyPairSync('rsa', { modulusLength: 2048 });

describe.skipIf(reason)(`B2: Wycheproof vectors have exactly their verdict${reason}`, () => {
  const check = async (name: string, read: typeof ecdsa) => {
    let count = 0;
    for (const { publicKeyPem, publicKey, tests } of readVectors(name).testGroups) {
      const keys = [read(publicKeyPem)];
      if (read === ecdsa) keys.push(ecdsa(publicKey.uncompressed, 'ecdsa-sha2-nistp256'));
      expect(new Set(keys.map((key) => key?.identity)).size).toBe(1);
      for (const key of keys) {
        for (const { tcId, comment, msg, sig, result } of tests) {
          expect(await key?.verify(sig, Buffer.from(msg, 'hex')), `${tcId} ${comment}`).toBe(result === 'valid');
          count++;
        }
      }
    }
    return count;
  };
  test('ecdsa-sha2-nistp256', async () => expect(await check('ecdsa_secp256r1_sha256_test.json', ecdsa)).toBe(2 * 484));
  test('rsassa-pss-sha256, 2048 bits', async () => expect(await check('rsa_pss_2048_sha256_mgf1_32_test.json', rsa)).toBe(108));
  test('rsassa-pss-sha256, 4096 bits', async () => expect(await check('rsa_pss_4096_sha256_mgf1_32_test.json', rsa)).toBe(108));
});

describe('B2: a signature', () => {
  const cases = [
    ['ecdsa', ecdsa(pem(p256.publicKey)), () => sign('sha256', MESSAGE, p256.privateKey).toString('hex')],
    ['rsa', rsa(pem(rsa2048.publicKey)), () => signPss(rsa2048.privateKey)],
  ] as const;
  for (const [name, key, make] of cases) {
    test(`by ${name} counts as made, in no other form and for no other message`, async () => {
      const signature = make();
      expect(await key?.verify(signature, MESSAGE)).toBe(true);
      expect(await key?.verify(signature, utf8('massage'))).toBe(false);
      const wrong = [
        '',
        '00',
        signature.slice(1),
        signature.slice(2),
        `${signature}00`,
        `00${signature}`,
        signature.toUpperCase(),
        'zz',
      ];
      for (const other of wrong) expect(await key?.verify(other, MESSAGE), other).toBe(false);
    });
  }

  test('by rsa has a salt as long as the hash', async () => {
    for (const saltLength of [0, 20, 222]) {
      expect(await rsa(pem(rsa2048.publicKey))?.verify(signPss(rsa2048.privateKey, saltLength), MESSAGE)).toBe(false);
    }
  });

  test('by a key that is not on the curve is none', async () => {
    const key = ecdsa(`04${'01'.repeat(64)}`);
    expect(await key?.verify(sign('sha256', MESSAGE, p256.privateKey).toString('hex'), MESSAGE)).toBe(false);
  });
});

describe('an engine that fails', () => {
  test('says nothing about a signature', async () => {
    const signature = sign('sha256', MESSAGE, p256.privateKey).toString('hex');
    const verify = vi.spyOn(crypto.subtle, 'verify').mockRejectedValueOnce(new DOMException('just now', 'OperationError'));
    await expect(ecdsa(pem(p256.publicKey))?.verify(signature, MESSAGE)).rejects.toThrow('just now');
    expect(await ecdsa(pem(p256.publicKey))?.verify(signature, MESSAGE)).toBe(true);
    verify.mockRestore();
  });

  test('A5: does not open the door to an older timestamp while the stored one is read', async () => {
    const repository = await RepositorySimulator.create();
    const first = repository.current('timestamp');
    const store = new MemoryStore();
    await repository.client(store).refresh();
    await repository.release({ 'app.js': 'new' });
    await repository.client(store).refresh();
    repository.put('timestamp.json', first);
    const verify = crypto.subtle.verify.bind(crypto.subtle);
    const failing = vi.spyOn(crypto.subtle, 'verify').mockImplementation((async (...given: Parameters<typeof verify>) => {
      const message = new TextDecoder().decode(given[3] as Uint8Array);
      if (/"_type":"timestamp".*"version":2/.test(message)) throw new DOMException('just now', 'OperationError');
      return verify(...given);
    }) as typeof verify);
    await expect(repository.client(store).refresh()).rejects.toThrow('just now');
    expect(store.version('timestamp')).toBe(2);
    failing.mockRestore();
    await expect(repository.client(store).refresh()).rejects.toEqual(refusal('rollback', { role: 'timestamp' }));
  });
});

describe('A10: one key is one key, however it is written', () => {
  test('ecdsa', () => {
    const text = pem(p256.publicKey);
    const point = der(p256.publicKey).slice(-130);
    const spellings = [ecdsa(text), ecdsa(text.replaceAll('\n', '\r\n')), ecdsa(point), ecdsa(point, 'ecdsa-sha2-nistp256')];
    expect(new Set(spellings.map((key) => key?.identity))).toEqual(new Set([`ecdsa ${point}`]));
  });

  test('rsa', () => {
    const text = pem(rsa2048.publicKey);
    const spellings = [rsa(text), rsa(`\n${text}\n`), rsa(toPem(der(rsa2048.publicKey)))];
    expect(spellings[0]?.identity).toMatch(/^rsa [0-9a-f]{512}$/);
    expect(new Set(spellings.map((key) => key?.identity)).size).toBe(1);
  });
});

describe('a key is ignored', () => {
  test('of a type, scheme or curve that is not known', () => {
    const text = pem(p256.publicKey);
    const keyval = { public: text };
    expect(parseKey({ keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp384', keyval })).toBeUndefined();
    expect(parseKey({ keytype: 'constructor', scheme: 'toString', keyval: {} })).toBeUndefined();
    expect(parseKey({ keytype: 'rsa', scheme: 'rsa-pkcs1v15-sha256', keyval: { public: pem(rsa2048.publicKey) } })).toBeUndefined();
    const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey;
    for (const other of [pem(p384), pem(rsa2048.publicKey), pem(generateKeyPairSync('ed25519').publicKey)]) {
      expect(ecdsa(other)).toBeUndefined();
    }
    for (const other of [text, pem(generateKeyPairSync('ed25519').publicKey)]) expect(rsa(other)).toBeUndefined();
  });

  test('whose encoding is not the one there is', () => {
    const point = der(p256.publicKey).slice(-130);
    // A compressed point, and points with a byte more and a byte less.
    for (const text of [
      '',
      `02${point.slice(2, 66)}`,
      `${point}00`,
      point.slice(2),
      point.toUpperCase(),
      pem(p256.publicKey).replace('BEGIN', 'BEGAN'),
    ]) {
      expect(ecdsa(text), text).toBeUndefined();
    }
    const hex = der(rsa2048.publicKey);
    expect(rsa(toPem(hex))).toBeDefined();
    const wrong = [
      ['a byte after the end', `${hex}00`],
      ['cut off', hex.slice(0, -2)],
      ['no NULL', hex.replace('30820122300d06092a864886f70d0101010500', '30820120300b06092a864886f70d010101')],
      ['unused bits', hex.replace('0382010f00', '0382010f01')],
      [
        'a modulus with a zero too many',
        hex
          .replace('30820122', '30820123')
          .replace('0382010f', '03820110')
          .replace('3082010a', '3082010b')
          .replace('0282010100', '028201020000'),
      ],
      [
        'a negative modulus',
        hex
          .replace('30820122', '30820121')
          .replace('0382010f', '0382010e')
          .replace('3082010a', '30820109')
          .replace('0282010100', '02820100'),
      ],
      ['a length in a longer form', hex.replace('30820122300d', '3082012330810d')],
      ['a length of another kind', hex.replace('30820122', '3080')],
    ] as const;
    for (const [what, text] of wrong) {
      expect(text, what).not.toBe(hex);
      expect(rsa(toPem(text)), what).toBeUndefined();
    }
  });

  test('when its exponent is one that anybody can sign for, or that takes long to verify with', () => {
    const hex = der(rsa2048.publicKey);
    const number = '0203010001';
    expect(hex.endsWith(number)).toBe(true);
    for (const [exponent, isTaken] of [
      ['020103', true],
      ['020101', false],
      ['020102', false],
      ['02050100000001', false],
      ['020500ffffffff', true],
    ] as const) {
      const grown = (exponent.length - number.length) / 2;
      const lengths = (text: string, length: number) =>
        text.replace(length.toString(16).padStart(4, '0'), (length + grown).toString(16).padStart(4, '0'));
      const text = ['0122', '010f', '010a'].reduce(
        (all, length) => lengths(all, Number.parseInt(length, 16)),
        hex.slice(0, -number.length) + exponent,
      );
      expect(rsa(toPem(text)) !== undefined, exponent).toBe(isTaken);
    }
  });

  test('when its text is longer than any key, as is a signature: neither costs time', async () => {
    expect(rsa(`${' '.repeat(4096)}${pem(rsa2048.publicKey)}`)).toBeUndefined();
    const verify = vi.spyOn(crypto.subtle, 'verify');
    expect(await ecdsa(pem(p256.publicKey))?.verify('00'.repeat(2049), MESSAGE)).toBe(false);
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });

  test('when its modulus has less than 2048 bits or more than 16384', () => {
    expect(rsa(pem(generateKeyPairSync('rsa', { modulusLength: 2047 }).publicKey))).toBeUndefined();
    const number = (hex: string) => `02${length(hex)}${hex}`;
    const length = (hex: string) => `82${(hex.length / 2).toString(16).padStart(4, '0')}`;
    const spki = (modulus: string) => {
      const numbers = `${number(modulus)}0203010001`;
      const sequence = `30${length(numbers)}${numbers}`;
      const bits = `00${sequence}`;
      const info = `300d06092a864886f70d010101050003${length(bits)}${bits}`;
      return toPem(`30${length(info)}${info}`);
    };
    expect(rsa(spki(`00${'c1'.repeat(256)}`))?.identity).toBe(`rsa ${'c1'.repeat(256)}`);
    expect(rsa(spki(`00${'c1'.repeat(2048)}`))).toBeDefined();
    expect(rsa(spki(`00${'c1'.repeat(2049)}`))).toBeUndefined();
    expect(rsa(spki(`01${'c1'.repeat(2048)}`))).toBeUndefined();
    expect(rsa(spki(`7f${'c1'.repeat(255)}`))).toBeUndefined();
  });
});
