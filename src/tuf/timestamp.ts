import { asDate, asObject } from './fields.js';
import { type MetaFile, parseMetaFile } from './meta-file.js';
import { Metadata } from './metadata.js';

/** Timestamp metadata (specification 4.6): which snapshot is the current one. */
export class Timestamp extends Metadata {
  readonly snapshot: MetaFile;
  /** When it was signed by its own word, in milliseconds since 1970. Not TUF's: other publishers do not write it. */
  readonly signedAt: number | undefined;

  /**
   * @param bytes as received
   * @throws `malformed`, `unsupported`
   */
  constructor(bytes: Uint8Array) {
    super(bytes, 'timestamp');
    this.snapshot = parseMetaFile(asObject(this.signed.meta, 'meta')['snapshot.json']);
    const { signed_at } = this.signed;
    const signedAt = signed_at === undefined ? undefined : asDate(signed_at, 'signed_at');
    // Nothing is signed after it has expired; a clock must not be believed to be that late because of a slip.
    this.signedAt = signedAt !== undefined && signedAt <= this.expires ? signedAt : undefined;
  }
}
