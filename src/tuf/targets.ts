import { type Delegations, parseDelegations } from './delegations.js';
import { asObject } from './fields.js';
import { parseHashes, parseLength, type TargetFile } from './file.js';
import type { JsonValue } from './json.js';
import { Metadata } from './metadata.js';

/** Targets metadata (specification 4.5): the files, by path, and which paths are left to other roles. */
export class Targets extends Metadata {
  readonly files: ReadonlyMap<string, TargetFile>;
  readonly delegations: Delegations | undefined;

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, 'targets');
    this.files = readTargetFiles(this.signed.targets);
    const { delegations } = this.signed;
    this.delegations = delegations === undefined ? undefined : parseDelegations(delegations);
  }
}

/**
 * Reads the entries of targets metadata, or some of them (specification 4.5).
 *
 * @param value the field `targets`
 * @returns files by path
 * @throws `malformed`, `unsupported`
 */
export function readTargetFiles(value: JsonValue | undefined): Map<string, TargetFile> {
  const files = new Map<string, TargetFile>();
  for (const [path, item] of Object.entries(asObject(value, 'targets'))) {
    const file = asObject(item, path);
    const { custom } = file;
    const target = { path, length: parseLength(file), hashes: parseHashes(file.hashes) };
    files.set(path, custom === undefined ? target : { ...target, custom });
  }
  return files;
}
