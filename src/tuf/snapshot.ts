import { VouchsafeError } from './errors.js';
import { asObject } from './fields.js';
import { type MetaFile, parseMetaFile } from './meta-file.js';
import { Metadata } from './metadata.js';

/** Snapshot metadata (specification 4.4): which version of every targets role belongs together. */
export class Snapshot extends Metadata {
  /** By file name, such as `targets.json`. */
  readonly meta: ReadonlyMap<string, MetaFile>;

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, 'snapshot');
    this.meta = new Map(Object.entries(asObject(this.signed.meta, 'meta')).map(([name, value]) => [name, parseMetaFile(value)]));
  }

  /**
   * @param role a targets role's name
   * @throws `not-found` when the snapshot does not list it
   */
  metaFile(role: string): MetaFile {
    const file = this.meta.get(`${role}.json`);
    if (!file) throw new VouchsafeError('not-found', `The snapshot does not list ${role}.`, { role });
    return file;
  }
}
