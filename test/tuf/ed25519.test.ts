import { existsSync, readFileSync } from 'node:fs';
import { Point } from '@noble/ed25519';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { isStrictPublicKey, verifyEd25519, verifyWithWebCrypto } from '../../src/tuf/ed25519.js';
import { verifyWithNoble } from '../../src/tuf/ed25519-noble.js';
import { generateSeed, publicKeyOf, signEd25519 } from '../../src/tuf/ed25519-sign.js';
import { fromHex, toHex } from '../../src/tuf/hex.js';
import { parseKey } from '../../src/tuf/key.js';
import { utf8 } from '../repository-simulator.js';

const VECTORS = new URL('../../../shared/data/vectors/ed25519_test.json', import.meta.url);
const hasVectors = existsSync(VECTORS);

interface VectorFile {
  readonly testGroups: readonly {
    readonly publicKey: { readonly pk: string };
    readonly tests: readonly {
      readonly tcId: number;
      readonly comment: string;
      readonly msg: string;
      readonly sig: string;
      readonly result: string;
    }[];
  }[];
}

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const P = 2n ** 255n - 19n;
const littleEndian = (number: bigint) => bytes(number.toString(16).padStart(64, '0')).reverse();
const join = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** From now on WebCrypto says that it has no Ed25519, as in an older engine. */
const withoutEd25519 = () =>
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(new DOMException('no Ed25519', 'NotSupportedError'));

/** The verdict of `verifyEd25519` with each engine. */
async function verdicts(publicKey: Uint8Array, signature: Uint8Array, message: Uint8Array): Promise<boolean[]> {
  const engine = await verifyEd25519(publicKey, signature, message);
  const importKey = withoutEd25519();
  const fallback = await verifyEd25519(publicKey, signature, message);
  importKey.mockRestore();
  return [engine, fallback];
}

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('B2: Wycheproof vectors', () => {
  // The vectors are kept beside the project, not in it; a clone without them has nothing to test here.
  test.skipIf(!hasVectors)(
    `have exactly their verdict in both engines${hasVectors ? '' : ' (skipped: ../shared/data is not here)'}`,
    async () => {
      const { testGroups } = JSON.parse(readFileSync(VECTORS, 'utf8')) as VectorFile;
      const noble = vi.spyOn(Point, 'fromBytes');
      let count = 0;
      for (const { publicKey, tests } of testGroups) {
        const key = bytes(publicKey.pk);
        const tufKey = parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey.pk } });
        for (const { tcId, comment, msg, sig, result } of tests) {
          const isValid = result === 'valid';
          const given = [key, bytes(sig), bytes(msg)] as const;
          expect(await verifyEd25519(...given), `${tcId} ${comment}`).toBe(isValid);
          expect((await tufKey?.verify(sig, bytes(msg))) ?? false, `${tcId} ${comment}`).toBe(isValid);
          if (given[1].length === 64 && isStrictPublicKey(key)) {
            expect(await verifyWithWebCrypto(...given), `WebCrypto ${tcId} ${comment}`).toBe(isValid);
          }
          count++;
        }
      }
      expect(count).toBeGreaterThan(100);
      // The standalone worker has none where the engine has Ed25519.
      expect(noble).not.toHaveBeenCalled();
    },
  );

  test.skipIf(!hasVectors)('are decided by noble alone when the engine has no Ed25519', async () => {
    withoutEd25519();
    const { testGroups } = JSON.parse(readFileSync(VECTORS, 'utf8')) as VectorFile;
    for (const { publicKey, tests } of testGroups) {
      for (const { tcId, comment, msg, sig, result } of tests) {
        expect(await verifyEd25519(bytes(publicKey.pk), bytes(sig), bytes(msg)), `${tcId} ${comment}`).toBe(result === 'valid');
      }
    }
  });
});

/** The eight points of small order, found rather than listed: the group order times any point of the curve is one of them. */
function smallOrderPoints(): Point[] {
  const points = new Map<string, Point>();
  for (let y = 2n; points.size < 8; y++) {
    for (const sign of [0n, 1n]) {
      try {
        const point = Point.fromBytes(littleEndian(y | (sign << 255n)));
        const torsion = point.multiplyUnsafe(L - 1n).add(point);
        points.set(torsion.toHex(), torsion);
      } catch {
        // not on the curve
      }
    }
  }
  return [...points.values()];
}

/** Every encoding of those: canonical, with the sign of x wrong, and with y above p where that fits. */
function smallOrderEncodings(): Uint8Array[] {
  const encodings: Uint8Array[] = [];
  for (const { y } of smallOrderPoints().map((point) => point.toAffine())) {
    for (const value of [y, y + P]) {
      if (value < 2n ** 255n) for (const sign of [0n, 1n]) encodings.push(littleEndian(value | (sign << 255n)));
    }
  }
  return encodings;
}

describe('B2: points at the edge', () => {
  test('a key of small order verifies nothing, although engines would take it', async () => {
    const message = utf8('nobody signed this');
    // With A and R the identity and S = 0, the equation [S]B = R + [k]A holds for every message.
    const identity = littleEndian(1n);
    expect(await verifyWithWebCrypto(identity, join(identity, littleEndian(0n)), message)).toBe(true);
    expect(smallOrderPoints()).toHaveLength(8);
    const encodings = smallOrderEncodings();
    for (const key of encodings) {
      expect(isStrictPublicKey(key), toHex(key)).toBe(false);
      expect(parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: toHex(key) } }), toHex(key)).toBeUndefined();
      for (const r of encodings) {
        expect(await verifyEd25519(key, join(r, littleEndian(0n)), message)).toBe(false);
      }
    }
  });

  test('a key is not canonical when y is p or more', () => {
    for (let y = P; y < 2n ** 255n; y++) expect(isStrictPublicKey(littleEndian(y))).toBe(false);
    expect(isStrictPublicKey(littleEndian(P - 2n))).toBe(true);
    expect(isStrictPublicKey(littleEndian(2n))).toBe(true);
    expect(isStrictPublicKey(littleEndian(2n).subarray(1))).toBe(false);
  });

  test('S plus the group order is another encoding of the same signature: refused', async () => {
    const seed = generateSeed();
    const key = await publicKeyOf(seed);
    const message = utf8('once');
    const signature = await signEd25519(seed, message);
    expect(await verdicts(key, signature, message)).toEqual([true, true]);
    const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`);
    const twin = join(signature.subarray(0, 32), littleEndian(s + L));
    expect(await verdicts(key, twin, message)).toEqual([false, false]);
  });

  test('a signature that only holds after multiplying by the cofactor is refused by both engines', async () => {
    // A = sB + T with T of order 8: [8][S]B = [8]R + [8][k]A holds for S = r + k s, the equation without the cofactor does not.
    const T = smallOrderPoints().find((point) => !point.multiplyUnsafe(4n).is0());
    if (!T) throw new Error('there are four');
    const [s, r] = [123456789n, 987654321n];
    const key = new Uint8Array(Point.BASE.multiply(s).add(T).toBytes());
    const R = new Uint8Array(Point.BASE.multiply(r).toBytes());
    let cofactored = 0;
    let cofactorless = 0;
    for (let i = 0; i < 16; i++) {
      const message = utf8(`message ${i}`);
      const digest = new Uint8Array(await crypto.subtle.digest('SHA-512', join(R, key, message)));
      const k = BigInt(`0x${toHex(digest.reverse())}`) % L;
      const signature = join(R, littleEndian((r + k * s) % L));
      const noble = await verifyWithNoble(key, signature, message);
      expect(noble).toBe(await verifyWithWebCrypto(key, signature, message));
      expect(noble).toBe(k % 8n === 0n);
      if (noble) cofactorless++;
      cofactored++;
    }
    expect(cofactorless).toBeLessThan(cofactored);
  });

  test('a key that is not on the curve verifies nothing', async () => {
    let off = 0;
    for (let y = 2n; y < 20n; y++) {
      const key = littleEndian(y);
      const signature = join(littleEndian(y + 1n), littleEndian(5n));
      expect(await verdicts(key, signature, utf8('x'))).toEqual([false, false]);
      try {
        Point.fromBytes(key);
      } catch {
        off++;
      }
    }
    expect(off).toBeGreaterThan(0);
  });

  test('an engine that rejects a key which is not on the curve and one that takes it agree', async () => {
    const key = littleEndian(2n);
    expect(() => Point.fromBytes(key)).toThrow();
    const signature = join(littleEndian(3n), littleEndian(5n));
    expect(await verdicts(key, signature, utf8('x'))).toEqual([false, false]);
    const importKey = vi.spyOn(crypto.subtle, 'importKey').mockRejectedValueOnce(new DOMException('not a point', 'DataError'));
    expect(await verifyEd25519(key, signature, utf8('x'))).toBe(false);
    // This key, and one that is right, to tell the failure from an engine without Ed25519.
    expect(importKey).toHaveBeenCalledTimes(2);
  });

  test('an engine that fails gives no verdict, and is asked again for the next signature', async () => {
    const seed = new Uint8Array(32).fill(8);
    const key = await publicKeyOf(seed);
    const signature = await signEd25519(seed, utf8('m'));
    for (const method of ['importKey', 'verify'] as const) {
      vi.spyOn(crypto.subtle, method).mockRejectedValueOnce(new DOMException('just now', 'OperationError'));
      await expect(verifyEd25519(key, signature, utf8('m'))).rejects.toThrow('just now');
      expect(await verifyEd25519(key, signature, utf8('m'))).toBe(true);
      expect(await verifyEd25519(key, signature, utf8('other'))).toBe(false);
    }
  });

  test('WebKit, which crashes on long messages, is not asked about them; nor is it believed less than others on short ones', async () => {
    const seed = generateSeed();
    const key = await publicKeyOf(seed);
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const chromium = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';
    const webkit = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15';
    for (const [userAgent, length, isAsked] of [
      [webkit, 65_534, true],
      [webkit, 65_535, false],
      [chromium, 65_535, true],
    ] as const) {
      vi.stubGlobal('navigator', { userAgent });
      const message = new Uint8Array(length).fill(7);
      const signature = await signEd25519(seed, message);
      verify.mockClear();
      expect(await verifyEd25519(key, signature, message)).toBe(true);
      message[length - 1] = 8;
      expect(await verifyEd25519(key, signature, message)).toBe(false);
      expect(verify.mock.calls.length).toBe(isAsked ? 2 : 0);
    }
  });

  test('the engines agree on 200 signatures with one bit flipped', async () => {
    const seed = new Uint8Array(32).fill(7);
    const key = await publicKeyOf(seed);
    const message = utf8('flip me');
    const signature = await signEd25519(seed, message);
    for (let bit = 0; bit < 512; bit += 3) {
      const flipped = signature.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(await verifyEd25519(key, flipped, message)).toBe(false);
      expect(await verifyWithNoble(key, flipped, message)).toBe(false);
    }
  });
});

describe('B2: the spelling of keys and signatures', () => {
  test('lower-case hex of the right length, and nothing else, never thrown', async () => {
    const seed = new Uint8Array(32).fill(9);
    const publicKey = toHex(await publicKeyOf(seed));
    const key = parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicKey } });
    const message = utf8('m');
    const sig = toHex(await signEd25519(seed, message));
    expect(await key?.verify(sig, message)).toBe(true);
    for (const wrong of [
      '',
      sig.slice(1),
      sig.slice(2),
      `${sig}00`,
      sig.toUpperCase(),
      ` ${sig}`,
      `${sig}\n`,
      `0x${sig}`,
      'zz'.repeat(64),
      '０'.repeat(128),
    ]) {
      expect(await key?.verify(wrong, message), wrong).toBe(false);
    }
    for (const wrong of ['', publicKey.slice(1), `${publicKey}00`, publicKey.toUpperCase(), `${publicKey.slice(0, -1)}g`]) {
      expect(parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: wrong } }), wrong).toBeUndefined();
    }
  });

  test('unknown types and schemes are ignored, missing fields are malformed', () => {
    expect(parseKey({ keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: 'PEM' } })).toBeUndefined();
    const keyval = { public: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a' };
    expect(parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval })).toBeDefined();
    expect(parseKey({ keytype: 'ed25519', scheme: 'ed25519ph', keyval })).toBeUndefined();
    expect(parseKey({ keytype: 'ed448', scheme: 'ed25519', keyval })).toBeUndefined();
    expect(parseKey({ keytype: 'new', scheme: 'new', keyval: { identity: 'someone' } })).toBeUndefined();
    expect(parseKey({ keytype: 'newer', scheme: 'newer' })).toBeUndefined();
    for (const wrong of [
      null,
      1,
      'key',
      [],
      {},
      { keytype: 'ed25519' },
      { keytype: 'ed25519', scheme: 'ed25519' },
      { keytype: 'ed25519', scheme: 'ed25519', keyval: {} },
    ]) {
      expect(() => parseKey(wrong)).toThrow(expect.objectContaining({ code: 'malformed' }));
    }
  });

  test('hex reads back what it wrote', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    expect(fromHex(toHex(all), 256)).toEqual(all);
    expect(fromHex('0', 1)).toBeUndefined();
  });
});
