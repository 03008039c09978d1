import { VouchsafeError } from './errors.js';
import { asArray, asInteger, asObject, asString } from './fields.js';
import { describe, type FileDigest, parseHashes, parseLength, type TargetFile } from './file.js';
import { isHex } from './hex.js';
import { encodeJson, type JsonObject, parseJson } from './json.js';
import { Metadata } from './metadata.js';
import { readTargetFiles, type Targets } from './targets.js';

/** What `_type` is. No client of TUF takes it for the metadata of a role. */
const INDEX_TYPE = 'vouchsafe-index';

/**
 * Files in a block, at least. Fewer would not be read faster. As all that `indexTargets` goes by, publishers and the workers in the field have to have the same:
 * workers go without an index that is not theirs.
 */
const SMALLEST_BLOCK = 64;

/** Targets metadata cut into blocks, each with the files of one stretch of the alphabet. */
interface IndexedTargets {
  /** The index's signed part. */
  readonly signed: JsonObject;
  /** In order. Block `n` is what the index has the hash `n` of. */
  readonly blocks: readonly Uint8Array[];
}

/**
 * Cuts targets metadata into blocks, and says which these are. Publisher and client do the same, so that the client need download neither.
 *
 * @param targets the metadata
 * @param isNamed whether the index names a path itself, because each start asks for it
 */
export async function indexTargets(targets: Targets, isNamed: (path: string) => boolean): Promise<IndexedTargets> {
  const paths = [...targets.files.keys()].sort();
  const entries = asObject(targets.signed.targets, 'targets');
  const entriesOf = (some: readonly string[]): JsonObject => Object.fromEntries(some.map((path) => [path, entries[path] ?? null]));
  // So that index and block grow alike, each with the root of the number of files.
  const size = Math.max(SMALLEST_BLOCK, Math.ceil(Math.sqrt(paths.length)));
  const blocks: Uint8Array[] = [];
  const first: string[] = [];
  for (let start = 0; start < paths.length; start += size) {
    first.push(paths[start] ?? '');
    blocks.push(encodeJson(entriesOf(paths.slice(start, start + size))));
  }
  const digests = await Promise.all(blocks.map(describe));
  const { length, hashes } = await describe(targets.bytes);
  let bytes = 0;
  for (const file of targets.files.values()) bytes += file.length;
  const { spec_version = null, version = null, expires = null } = targets.signed;
  const signed = {
    _type: INDEX_TYPE,
    spec_version,
    version,
    expires,
    targets: { length, hashes: { ...hashes } },
    files: paths.length,
    bytes,
    named: entriesOf(paths.filter(isNamed)),
    first,
    sha256: digests.map((digest) => digest.hashes.sha256 ?? '').join(''),
  };
  return { signed, blocks };
}

/**
 * @param signed the signed part that `indexTargets` has made
 * @param signatures of it, by keyid, as the snapshot lists them
 * @returns the index
 */
export function indexDocument(signed: JsonObject, signatures: ReadonlyMap<string, string>): Uint8Array {
  return encodeJson({ signatures: Array.from(signatures, ([keyid, sig]) => ({ keyid, sig })), signed });
}

/**
 * The index of targets metadata: signed by the same keys, it vouches for one version of it, byte for byte, and for each of its blocks. With it a client
 * that has verified the whole document once opens it again by reading a few kilobytes, however many files it lists. A client makes it from that document;
 * the snapshot has the signatures.
 *
 * It is not of the specification. A client without it reads the whole document.
 */
export class TargetsIndex extends Metadata {
  /** The targets metadata that it is of. */
  readonly targets: FileDigest;
  /** How many files that lists. */
  readonly files: number;
  /** How many bytes these have. */
  readonly byteCount: number;
  readonly named: ReadonlyMap<string, TargetFile>;
  readonly #first: readonly string[];
  readonly #hashes: string;

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, INDEX_TYPE);
    const { targets, files, bytes: byteCount, named, first, sha256 } = this.signed;
    const digest = asObject(targets, 'targets');
    this.targets = { length: parseLength(digest), hashes: parseHashes(digest.hashes) };
    this.files = asInteger(files, 'files', 0);
    this.byteCount = asInteger(byteCount, 'bytes', 0);
    this.named = readTargetFiles(named);
    this.#first = asArray(first, 'first').map((path) => asString(path, 'first'));
    this.#hashes = asString(sha256, 'sha256');
    const isSorted = this.#first.every((path, i) => i === 0 || (this.#first[i - 1] ?? '') < path);
    if (!isSorted || !isHex(this.#hashes, 32 * this.#first.length))
      throw new VouchsafeError('malformed', 'The index has not one hash for each block, in order.');
  }

  /** How many blocks there are. */
  get blocks(): number {
    return this.#first.length;
  }

  /** @returns the number of the block that has a path, if any has */
  blockOf(path: string): number {
    let [low, high] = [0, this.#first.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#first[middle] ?? '') <= path) low = middle + 1;
      else high = middle;
    }
    // Before the first path there is nothing, which the first block shows as well.
    return Math.max(0, low - 1);
  }

  /** @returns what a block has to be */
  digestOf(block: number): Pick<FileDigest, 'hashes'> {
    return { hashes: { sha256: this.#hashes.slice(64 * block, 64 * (block + 1)) } };
  }
}

/**
 * @param bytes a block that was checked against the index
 * @returns its files by path
 * @throws `malformed`, `unsupported`
 */
export function readBlock(bytes: Uint8Array): Map<string, TargetFile> {
  return readTargetFiles(parseJson(bytes));
}
