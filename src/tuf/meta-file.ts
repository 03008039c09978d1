import { asInteger, asObject, asString } from './fields.js';
import { type FileDigest, parseHashes, parseLength } from './file.js';
import type { JsonValue } from './json.js';

/** What timestamp and snapshot metadata say about another metadata file (specification 4.4). Length and hashes are optional. */
export interface MetaFile extends Partial<FileDigest> {
  readonly version: number;
  /** SHA-256 of the index of targets metadata, hex, if the repository has one. It is ours (`index_sha256`), and no part of the specification. */
  readonly index?: string;
}

/**
 * @param value an entry of `meta`
 * @throws `malformed`, `unsupported`
 */
export function parseMetaFile(value: JsonValue | undefined): MetaFile {
  const object = asObject(value, 'meta');
  return {
    version: asInteger(object.version, 'version', 1),
    ...(object.length === undefined ? {} : { length: parseLength(object) }),
    ...(object.hashes === undefined ? {} : { hashes: parseHashes(object.hashes) }),
    ...(object.index_sha256 === undefined ? {} : { index: asString(object.index_sha256, 'index_sha256') }),
  };
}
