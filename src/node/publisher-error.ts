/** Why the publisher stopped. The client core's refusals keep their own codes (`ErrorCode`); these are about folders, keys and options. */
export type PublisherErrorCode =
  /** There is no project folder, or it lacks its keys or root metadata. */
  | 'no-project'
  /** `init` found a project: keys are never overwritten. */
  | 'project-exists'
  /** The project's root metadata is not a chain that a client would accept. */
  | 'bad-project'
  /** A private key is unreadable, damaged, missing, or readable by others. */
  | 'bad-key'
  /** The folder to publish cannot be published as it is. */
  | 'bad-input'
  /** The output folder cannot be written to, or does not hold this project's previous release. */
  | 'bad-output'
  /** A private key is in, or about to get into, a folder that is published. */
  | 'key-exposed'
  /** An option makes no sense. */
  | 'bad-option'
  /** A client would refuse the release that was about to become visible. */
  | 'self-check'
  /** Another process listens on the port. */
  | 'port-in-use';

/** A problem that the person who publishes can act on. The message is one sentence that says what to do. */
export class PublisherError extends Error {
  override readonly name = 'PublisherError';
  readonly code: PublisherErrorCode;

  /**
   * @param code why it stopped
   * @param message one sentence for people
   * @param cause the error underneath, if any
   */
  constructor(code: PublisherErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * Whether an error is one of Node's with this code.
 *
 * @param error anything caught
 * @param code such as `ENOENT`
 */
export function isSystemError(error: unknown, code: string): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && error.code === code;
}
