import { type Delegations, parseDelegations } from './delegations.js';
import { asObject } from './fields.js';
import { parseHashes, parseLength, type TargetFile } from './file.js';
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
    const files = new Map<string, TargetFile>();
    for (const [path, value] of Object.entries(asObject(this.signed.targets, 'targets'))) {
      const file = asObject(value, path);
      const { custom } = file;
      const target = { path, length: parseLength(file), hashes: parseHashes(file.hashes) };
      files.set(path, custom === undefined ? target : { ...target, custom });
    }
    this.files = files;
    const { delegations } = this.signed;
    this.delegations = delegations === undefined ? undefined : parseDelegations(delegations);
  }
}
