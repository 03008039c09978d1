/** Every reason the client core, the worker and the publisher's self-check refuse something. Closed: new reasons are added here. */
export type ErrorCode =
  /** Bytes are not the ones the signed metadata lists (hash, length or version differs). */
  | 'mismatch'
  /** The signed metadata lists no such file or role. */
  | 'not-found'
  /** A document or file is longer than its limit. */
  | 'too-long'
  /** A download crossed its deadline. */
  | 'too-slow'
  /** A version is lower than one already trusted. */
  | 'rollback'
  /** Metadata is past its expiry date. */
  | 'expired'
  /** Fewer distinct keys than the threshold have signed. */
  | 'unsigned'
  /** Not the format the specification defines. */
  | 'malformed'
  /** A specification version or format version this client does not know. */
  | 'unsupported'
  /** The server answered with a redirect. */
  | 'redirected'
  /** No answer, or an HTTP status other than success. */
  | 'unreachable'
  /** A request that may not be answered at all: a method, or active content from outside the signed files. */
  | 'forbidden'
  /** The browser's storage failed. */
  | 'storage'
  /** The browser has no room for a release. */
  | 'quota'
  /** The device's clock is behind what the signers have signed, or has gone back. */
  | 'clock'
  /** The worker script is not the signed one. */
  | 'verifier-replaced'
  /** Another service worker is registered inside the scope. */
  | 'foreign-registration'
  /** A page is open that the worker does not control. */
  | 'uncontrolled';

/** What refused bytes seem to be, in words. */
export type Diagnosis =
  | 'older release'
  | 'empty'
  | 'truncated'
  | 'line endings differ'
  | 'byte order mark or final line break differs'
  | 'login page'
  | 'HTML instead of the file'
  | 'rewritten text, as by a CDN that minifies or injects'
  | 'unknown bytes';

/** What was expected, what came, and where. Plain data: it survives `structuredClone` and JSON. */
export interface ErrorFacts {
  /** TUF role name. */
  readonly role?: string;
  /** Metadata version the facts are about. */
  readonly version?: number;
  /** URL requested. */
  readonly url?: string;
  /** TUF target path. */
  readonly path?: string;
  /** What the signed metadata or the specification asks for, in words or hex. */
  readonly expected?: string;
  /** What came instead, in words or hex. */
  readonly actual?: string;
  /** HTTP status of the answer. */
  readonly status?: number;
  /** What the bytes that came seem to be. */
  readonly diagnosis?: Diagnosis;
  /** Until when the signers let the site run without its server (ISO 8601). Of what expired while no server answered. */
  readonly offlineUntil?: string;
}

/** The one error class. `code` says why, `facts` says what; the message is for people and never parsed. */
export class VouchsafeError extends Error {
  override readonly name = 'VouchsafeError';
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  /**
   * @param code why it was refused
   * @param message one sentence for people
   * @param facts what was expected and what came
   * @param cause the error underneath, if any
   */
  constructor(code: ErrorCode, message: string, facts: ErrorFacts = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.facts = facts;
  }
}

/**
 * Adds what the caller knows (role, URL) to an error that was thrown where only the bytes were known.
 *
 * @param error anything thrown
 * @param facts facts to add; the error's own win
 * @returns the error with them; anything but a `VouchsafeError` as it is
 */
export function withFacts(error: unknown, facts: ErrorFacts): unknown {
  if (!(error instanceof VouchsafeError)) return error;
  return new VouchsafeError(error.code, error.message, { ...facts, ...error.facts }, error.cause);
}
