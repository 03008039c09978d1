import { asInteger, asObject } from './fields.js';
import { type FileDigest, parseHashes, parseLength } from './file.js';
import type { JsonValue } from './json.js';
import { parseSignatures } from './metadata.js';

/** What timestamp and snapshot metadata say about another metadata file (specification 4.4). Length and hashes are optional. */
export interface MetaFile extends Partial<FileDigest> {
  readonly version: number;
  /** The signatures of the index of targets metadata, by keyid, if it has one. They are ours (`index_signatures`), and no part of the specification. */
  readonly indexSignatures?: ReadonlyMap<string, string>;
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
    ...(object.index_signatures === undefined ? {} : { indexSignatures: parseSignatures(object.index_signatures) }),
  };
}
