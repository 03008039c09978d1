import { VouchsafeError } from './errors.js';
import { asArray, asDate, asInteger, asObject, asString } from './fields.js';
import { canonicalize, type JsonObject, type JsonValue, parseJson } from './json.js';
import type { Key } from './key.js';

/** Who may sign for a role, and how many of them it takes. */
export interface RoleKeys {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** The envelope and the fields that every role has (specification 4.2, 4.3). Parsed, not verified. */
export class Metadata {
  /** As received; this is what is stored. */
  readonly bytes: Uint8Array;
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /** The signed part with every field, known to this client or not. */
  readonly signed: JsonObject;
  /** Signatures by keyid. */
  readonly signatures: ReadonlyMap<string, string>;

  /**
   * @param bytes as received
   * @param type what `_type` must be
   * @throws `malformed`, or `unsupported` for a specification version other than 1
   */
  constructor(bytes: Uint8Array, type: string) {
    const envelope = asObject(parseJson(bytes), 'metadata');
    const signed = asObject(envelope.signed, 'signed');
    if (signed._type !== type) throw new VouchsafeError('malformed', `"_type" must be "${type}".`);
    const specVersion = asString(signed.spec_version, 'spec_version');
    if (!/^1\.\d+(\.\d+)?$/.test(specVersion)) {
      throw new VouchsafeError('unsupported', 'The metadata follows a specification that this client does not know.', {
        expected: 'spec_version 1.x',
        actual: specVersion.slice(0, 100),
      });
    }
    this.bytes = bytes;
    this.version = asInteger(signed.version, 'version', 1);
    this.expires = asDate(signed.expires, 'expires');
    this.signed = signed;
    this.signatures = parseSignatures(envelope.signatures);
  }
}

/** Keyids of one role. Each may cost a verification. */
const MAX_KEYIDS = 1024;

/**
 * Reads a role's keyids and threshold.
 *
 * @param value object with `keyids` and `threshold`
 * @throws `malformed`
 */
export function parseRoleKeys(value: JsonValue | undefined): RoleKeys {
  const object = asObject(value, 'role');
  const keyids = asArray(object.keyids, 'keyids').map((keyid) => asString(keyid, 'keyid'));
  if (keyids.length > MAX_KEYIDS) throw new VouchsafeError('malformed', `A role lists more than ${MAX_KEYIDS} keyids.`);
  if (new Set(keyids).size !== keyids.length) throw new VouchsafeError('malformed', 'A role lists a keyid twice.');
  return { keyids, threshold: asInteger(object.threshold, 'threshold', 1) };
}

/**
 * The one threshold loop (specification 4.2.1, 5.3.4 and wherever signatures are checked). Counts distinct keys: the same key under two
 * keyids is one. Signatures by others, of unknown types, empty or wrong ones are not counted and do no harm.
 *
 * @param metadata what was signed
 * @param role its name, for the error
 * @param keys the delegator's keys by keyid
 * @param roleKeys who may sign
 * @throws `unsigned` when fewer distinct keys than the threshold have signed
 */
export async function verifySignatures(
  metadata: Metadata,
  role: string,
  keys: ReadonlyMap<string, Key>,
  { keyids, threshold }: RoleKeys,
): Promise<void> {
  const message = canonicalize(metadata.signed);
  const signers = new Set<string>();
  for (const keyid of keyids) {
    const key = keys.get(keyid);
    const signature = metadata.signatures.get(keyid);
    if (key && signature && (await key.verify(signature, message))) signers.add(key.identity);
    if (signers.size >= threshold) return;
  }
  throw new VouchsafeError('unsigned', `Too few of the keys trusted for ${role} have signed it.`, {
    role,
    version: metadata.version,
    expected: `valid signatures by ${threshold} distinct keys`,
    actual: `by ${signers.size}`,
  });
}

/** @returns signatures by keyid. @throws `malformed` */
export function parseSignatures(value: JsonValue | undefined): ReadonlyMap<string, string> {
  const signatures = new Map<string, string>();
  for (const item of asArray(value, 'signatures')) {
    const signature = asObject(item, 'signature');
    const keyid = asString(signature.keyid, 'keyid');
    if (signatures.has(keyid)) throw new VouchsafeError('malformed', 'Two signatures name the same keyid.');
    signatures.set(keyid, asString(signature.sig, 'sig'));
  }
  return signatures;
}
