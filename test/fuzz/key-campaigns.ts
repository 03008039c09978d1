import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import fc from 'fast-check';
import type { Signer } from '../../src/repository/signer.js';
import { parseKey } from '../../src/tuf/key.js';
import { type AnyCampaign, campaign, unlessRefused } from './campaign.js';
import { damaged, hostileTexts, type Json, long, mutated } from './mutations.js';

type KeyType = 'ed25519' | 'ecdsa' | 'rsa';
/** RSA-PSS with a salt as long as the hash, as `node:crypto` wants it. */
const PSS = { padding: 6, saltLength: 32 };
const SPKI_ED25519 = '302a300506032b6570032100';

interface Pair {
  readonly type: KeyType;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
  /** The TUF key object. */
  readonly key: { readonly keytype: string; readonly scheme: string; readonly keyval: { readonly public: string } };
}

const PAIRS: readonly Pair[] = [
  pairOf('ed25519', 'ed25519', generateKeyPairSync('ed25519')),
  pairOf('ecdsa', 'ecdsa-sha2-nistp256', generateKeyPairSync('ec', { namedCurve: 'P-256' })),
  pairOf('rsa', 'rsassa-pss-sha256', generateKeyPairSync('rsa', { modulusLength: 2048 })),
];

function pairOf(type: KeyType, scheme: string, { publicKey, privateKey }: { publicKey: KeyObject; privateKey: KeyObject }): Pair {
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const hex = publicKey.export({ type: 'spki', format: 'der' }).toString('hex').slice(SPKI_ED25519.length);
  return { type, publicKey, privateKey, key: { keytype: type, scheme, keyval: { public: type === 'ed25519' ? hex : pem } } };
}

/** The two numbers of an ECDSA signature as lenient programs read them too. */
function otherEncodings(der: Buffer): Buffer[] {
  const second = 4 + (der[3] ?? 0);
  const [r, s] = [der.subarray(4, second), der.subarray(second + 2)];
  const element = (tag: number, ...parts: Uint8Array[]) =>
    Buffer.concat([Uint8Array.of(tag, Buffer.concat(parts).length), ...parts]);
  const [first, last, zero] = [element(2, r), element(2, s), Uint8Array.of(0)];
  const content = Buffer.concat([first, last]);
  return [
    Buffer.concat([Uint8Array.of(0x30, 0x81, content.length), content]),
    Buffer.concat([Uint8Array.of(0x30, 0x82, 0, content.length), content]),
    Buffer.concat([Uint8Array.of(0x30, 0x80), content, zero, zero]),
    element(0x30, element(2, zero, r), last),
    element(0x30, first, element(2, zero, s)),
    element(0x30, element(2, r[0] === 0 ? r.subarray(1) : r), element(2, s[0] === 0 ? s.subarray(1) : s)),
    element(0x30, content, zero),
    Buffer.concat([der, zero]),
    element(0x31, content),
    element(0x30, last, first),
    Buffer.concat([r, s]),
  ];
}

function objectOf({ key }: Pair): { [name: string]: string | { [name: string]: string } } {
  return { ...key, keyval: { ...key.keyval } };
}

function signatureOf({ type, privateKey }: Pair, message: Uint8Array): Buffer {
  return sign(type === 'ed25519' ? null : 'sha256', message, type === 'rsa' ? { key: privateKey, ...PSS } : privateKey);
}

/** A signer for each type of key. */
export const keySigners: readonly Signer[] = PAIRS.map((pair) => ({
  keyid: pair.type,
  key: objectOf(pair),
  sign: async (message) => signatureOf(pair, message),
}));

/** Key objects and signatures, judged by `node:crypto`. */
export function keyCampaigns(documents: readonly Json[]): AnyCampaign[] {
  const keys: Json[] = [...PAIRS.map(objectOf), ...documents.flatMap(keysIn)];
  const pem = damaged(
    fc.constantFrom(...PAIRS.slice(1)).map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' })),
  ).map(toPem);
  const hex = damaged(fc.constantFrom(...PAIRS).map(rawPoint)).map((bytes) => Buffer.from(bytes).toString('hex'));
  const text = long(['-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----', '\n', ' ', 'MFkw', '=', 'A', '-', '0f'], 50_000);
  const publics = fc.oneof({ arbitrary: pem, weight: 3 }, { arbitrary: hex, weight: 3 }, hostileTexts, text);
  const made = fc
    .tuple(fc.constantFrom(...PAIRS), publics)
    .map(([pair, value]): Json => ({ ...objectOf(pair), keyval: { public: value } }));
  const message = fc.uint8Array({ maxLength: 40 });
  // Of the right form, so that the engine is asked about the key.
  const formed = fc.constantFrom(...PAIRS).map((pair) => signatureOf(pair, new Uint8Array()).toString('hex'));
  const signatures = fc.constantFrom(...PAIRS).chain((pair) =>
    message.chain((bytes) => {
      const honest = signatureOf(pair, bytes);
      const changed = fc.oneof(
        damaged(fc.constant(honest)).map((signature) => Buffer.from(signature).toString('hex')),
        damaged(fc.constant(Buffer.from(honest.toString('hex')))).map((signature) => Buffer.from(signature).toString('latin1')),
        fc.constant(honest.toString('hex').toUpperCase()),
        ...(pair.type === 'ecdsa'
          ? [fc.constantFrom(...otherEncodings(honest)).map((signature) => signature.toString('hex'))]
          : []),
      );
      return fc.record({
        key: fc.constant(objectOf(pair)),
        message: fc.constant(bytes),
        honest: fc.constant(honest.toString('hex')),
        signature: changed,
      });
    }),
  );
  return [
    campaign(
      'key',
      fc.record({
        key: fc.oneof(made, mutated(keys)),
        signature: fc.oneof({ arbitrary: formed, weight: 6 }, hex, hostileTexts),
        message,
      }),
      checkKey,
    ),
    campaign('signature', signatures, async (input) => {
      const key = parseKey(input.key);
      // A signature has one spelling, so a changed one is none.
      assert.equal(await key?.verify(input.signature, input.message), input.signature === input.honest);
    }),
  ];
}

async function checkKey({ key: object, signature, message }: { key: Json; signature: string; message: Uint8Array }): Promise<void> {
  const key = unlessRefused(() => parseKey(object as Parameters<typeof parseKey>[0]));
  if (!key) return;
  const judge = nodeKeyOf((object as unknown as Pair['key']).keyval.public);
  if (judge) assert.ok(key.identity.endsWith(identityOf(judge)), 'the identity is another key’s');
  const isValid = await key.verify(signature, message);
  assert.equal(typeof isValid, 'boolean');
  if (!isValid) return;
  const algorithm = judge?.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const bytes = Buffer.from(signature, 'hex');
  assert.ok(
    judge && verify(algorithm, message, algorithm && judge.asymmetricKeyType === 'rsa' ? { key: judge, ...PSS } : judge, bytes),
  );
}

/** The key as `node:crypto` reads it, or undefined when it does not. */
function nodeKeyOf(text: string): KeyObject | undefined {
  try {
    if (text.includes('-----')) return createPublicKey(text);
    const point = Buffer.from(text, 'hex');
    if (point.length === 32)
      return createPublicKey({ key: Buffer.concat([Buffer.from(SPKI_ED25519, 'hex'), point]), format: 'der', type: 'spki' });
    const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((half) => half.toString('base64url'));
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: `${x}`, y: `${y}` }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** What identifies the key, in hex: the modulus, or the point. */
function identityOf(key: KeyObject): string {
  const { n, x, y } = key.export({ format: 'jwk' });
  return [n, x, y].map((part) => Buffer.from(part ?? '', 'base64url').toString('hex')).join('');
}

function rawPoint({ type, publicKey }: Pair): Buffer {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return type === 'ed25519' ? der.subarray(-32) : der.subarray(-65);
}

function toPem(der: Uint8Array): string {
  return `-----BEGIN PUBLIC KEY-----\n${Buffer.from(der).toString('base64')}\n-----END PUBLIC KEY-----\n`;
}

/** The key objects in a root document or in a document with delegations. */
function keysIn(document: Json): Json[] {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return [];
  return Object.entries(document).flatMap(([name, value]) => {
    return name === 'keys' && value !== null && typeof value === 'object' ? Object.values(value) : keysIn(value);
  });
}
