/**
 * What the page and the worker say to each other: plain data only, so that it survives `structuredClone` and an older page can talk to
 * a newer worker. A request travels with a `MessagePort`, on which exactly one `Reply` comes back; events are posted to every client.
 */
import type { ErrorCode, ErrorFacts } from '../tuf/errors.js';

/** How current the running release is. */
export type Freshness =
  /** All its metadata is unexpired. */
  | 'fresh'
  /** Metadata has expired and the repository cannot be reached; still inside the signed offline allowance. */
  | 'stale'
  /** Metadata has expired and the repository answers with expired metadata, or the offline allowance is used up. Pages are refused. */
  | 'frozen'
  /** No release is active yet. */
  | 'empty';

/** A refusal as plain data: the fields of `VouchsafeError`. */
export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly facts: ErrorFacts;
}

/** A recorded refusal. */
export interface Violation extends Refusal {
  /** When, in milliseconds since 1970. */
  readonly time: number;
  /** What was being done: answering a request, looking for an update, or reading what was stored. */
  readonly during: 'request' | 'update' | 'storage';
}

/** One role's metadata as the worker trusts it now. */
export interface TrustedRole {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A release: what one snapshot version pins. */
export interface ReleaseSummary {
  /** Snapshot version and the first characters of the snapshot's SHA-256, such as `12-9f86d081884c7d65`. */
  readonly id: string;
  readonly files: number;
  readonly bytes: number;
}

/** What the worker trusts right now. */
export interface Status {
  /** Changes each time the browser starts the worker. */
  readonly life: string;
  readonly freshness: Freshness;
  readonly root?: TrustedRole;
  readonly timestamp?: TrustedRole;
  readonly snapshot?: TrustedRole;
  readonly targets?: TrustedRole;
  readonly active?: ReleaseSummary;
  readonly staged?: ReleaseSummary;
  /** Files served to pages in this life of the worker, each hashed just before. */
  readonly filesVerified: number;
  /** Newest last. */
  readonly violations: readonly Violation[];
}

/** How an update ended. */
export type UpdateResult =
  /** The active release is the newest. */
  | { readonly outcome: 'current' }
  /** A newer release is complete and waits for the next navigation, or for `activate`. */
  | { readonly outcome: 'staged'; readonly release: ReleaseSummary }
  /** There was no release before; this one is active. */
  | { readonly outcome: 'activated'; readonly release: ReleaseSummary }
  /** Refused or unreachable; what ran before still runs. */
  | { readonly outcome: 'failed'; readonly refusal: Refusal; readonly freshness: Freshness };

/** Page to worker. */
export type Request =
  | { readonly vouchsafe: 'status' }
  /** Look for a newer release and stage it. */
  | { readonly vouchsafe: 'update' }
  /** Make the staged release the active one now. */
  | { readonly vouchsafe: 'activate' };

/** What each request is answered with. */
export interface Replies {
  readonly status: Status;
  readonly update: UpdateResult;
  readonly activate: { readonly activated: ReleaseSummary | undefined };
}

/** Worker to page, on the request's port. */
export type Reply<Name extends keyof Replies = keyof Replies> =
  | { readonly ok: true; readonly value: Replies[Name] }
  | { readonly ok: false; readonly refusal: Refusal };

/** Files and bytes of a release that are stored, out of all. */
export interface Progress {
  readonly files: number;
  readonly totalFiles: number;
  readonly bytes: number;
  readonly totalBytes: number;
}

/** Worker to every page. */
export type WorkerEvent =
  | { readonly vouchsafe: 'progress'; readonly progress: Progress }
  | { readonly vouchsafe: 'staged'; readonly release: ReleaseSummary }
  | { readonly vouchsafe: 'activated'; readonly release: ReleaseSummary }
  | { readonly vouchsafe: 'violation'; readonly violation: Violation }
  | { readonly vouchsafe: 'state'; readonly freshness: Freshness };
