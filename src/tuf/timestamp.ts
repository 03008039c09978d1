import { asObject } from './fields.js';
import { type MetaFile, parseMetaFile } from './meta-file.js';
import { Metadata } from './metadata.js';

/** Timestamp metadata (specification 4.6): which snapshot is the current one. */
export class Timestamp extends Metadata {
  readonly snapshot: MetaFile;
  readonly signedAt: number | undefined;

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, 'timestamp');
    this.snapshot = parseMetaFile(asObject(this.signed.meta, 'meta')['snapshot.json']);
  }
}
