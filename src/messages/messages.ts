/**
 * What the page and the worker say to each other: plain data only, so that it survives `structuredClone` and an older page can talk to
 * a newer worker. A request travels with a `MessagePort`, on which exactly one `Reply` comes back; events are posted to every client.
 */
import type { Activation } from '../release/manifest.js';
import type { ErrorCode, ErrorFacts } from '../tuf/errors.js';

/** How current the running release is. */
export type Freshness =
  /** All its metadata is unexpired. */
  | 'fresh'
  /**
   * Metadata has expired and no answer of the repository came, or one that anybody could have sent (a sign-in page, an error); still inside the
   * signed offline allowance.
   */
  | 'stale'
  /**
   * Metadata has expired and the repository answers with nothing newer, signed (`expired`, `rollback`), or the offline allowance is used up.
   * Pages are refused.
   */
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
  /**
   * What was being done: answering a request, looking for an update, reading what was stored, or watching over the worker itself. Under
   * `report-only` nothing was refused: it says what would have been.
   */
  readonly during: 'request' | 'update' | 'storage' | 'watch' | 'report-only';
}

/** One role's metadata as the worker trusts it now. */
export interface TrustedRole {
  readonly version: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** Who signs for a role, as the trusted root says. */
export interface RoleKeys {
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** A stored release. */
export interface StoredRelease extends ReleaseSummary {
  /** A pinned one is kept for the pages that were opened with it. */
  readonly state: 'active' | 'staged' | 'pinned';
  /** Open pages (and workers) that stay on it. */
  readonly clients: number;
}

/** Where files and metadata are kept. */
export interface StorageStatus {
  /** In memory when the browser's storage cannot be used: everything is downloaded and verified again each time the worker starts. */
  readonly kept: 'indexeddb' | 'memory';
  /** Bytes, as the browser estimates them for the whole origin. */
  readonly usage?: number;
  readonly quota?: number;
  /** Whether the browser has promised not to evict it. */
  readonly persisted?: boolean;
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
  /** Only there when the worker refuses nothing but what the manifest enforces, and reports the rest. */
  readonly reportOnly?: boolean;
  readonly freshness: Freshness;
  /**
   * Until when the signers let the active release run without newer signatures, in milliseconds since 1970: its first expiry and the offline
   * allowance. While it is fresh or stale.
   */
  readonly offlineUntil?: number;
  readonly root?: TrustedRole;
  readonly timestamp?: TrustedRole;
  readonly snapshot?: TrustedRole;
  readonly targets?: TrustedRole;
  readonly active?: ReleaseSummary;
  readonly staged?: ReleaseSummary;
  /** The id of the release that the asking page is served from. */
  readonly pinned?: string;
  /** Every release that is stored, the active one first. */
  readonly releases: readonly StoredRelease[];
  /** By role. */
  readonly keys: { readonly [role: string]: RoleKeys };
  readonly activation: Activation;
  /** Where this browser reports violations to, absolute, as signed; undefined when it reports none. */
  readonly reporting?: string;
  readonly storage: StorageStatus;
  /** How far the device's clock is behind the latest signed time, in milliseconds; 0 when it is not. */
  readonly clockBehind: number;
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

/** How checking every stored file ended: of the active release, the staged one and those that pages stay on. */
export interface VerifyResult {
  readonly files: number;
  readonly bytes: number;
  /** Target paths of those that were damaged or missing and have been replaced. */
  readonly healed: readonly string[];
  /** Those that could not be replaced. */
  readonly failed: readonly Refusal[];
}

/** Whether the worker script on the server is a signed one. */
export interface VetResult {
  /**
   * Undefined when nobody can say: the server is out of reach, the signed release does not list the script, or the server shows the script that
   * runs already, which is not what the browser installs beside it.
   */
  readonly isSigned: boolean | undefined;
  /** The violation that was recorded, if any. */
  readonly refusal?: Refusal;
}

/** Page to worker. */
export type Request =
  | { readonly vouchsafe: 'status' }
  /** Look for a newer release and stage it. */
  | { readonly vouchsafe: 'update' }
  /** The same, unless somebody looked just now. */
  | { readonly vouchsafe: 'look' }
  /** Make the staged release the active one now. */
  | { readonly vouchsafe: 'activate' }
  /** From now on activate like this, whatever the manifest says; undefined: as the manifest says. */
  | { readonly vouchsafe: 'policy'; readonly activation: Activation | undefined }
  /** Hash every stored file of every release, and heal. */
  | { readonly vouchsafe: 'verify' }
  /** Compare the worker script on the server with the signed one. */
  | { readonly vouchsafe: 'vet' }
  /** Record what a page noticed. */
  | { readonly vouchsafe: 'report'; readonly refusal: Refusal }
  /**
   * To a worker that waits, from a page whose own worker has found it signed: replace that one now. Sent without a port. A signed worker
   * waits for this while another one is active, since a page cannot tell one that does not wait from one that nobody signed.
   */
  | { readonly vouchsafe: 'take-over' };

/** What each request is answered with. */
export interface Replies {
  readonly status: Status;
  readonly update: UpdateResult;
  readonly look: null;
  readonly activate: { readonly activated: ReleaseSummary | undefined };
  readonly policy: null;
  readonly verify: VerifyResult;
  readonly vet: VetResult;
  readonly report: null;
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
  /** Of `verify`. */
  | { readonly vouchsafe: 'verifying'; readonly progress: Progress }
  | { readonly vouchsafe: 'staged'; readonly release: ReleaseSummary }
  | { readonly vouchsafe: 'activated'; readonly release: ReleaseSummary }
  | { readonly vouchsafe: 'violation'; readonly violation: Violation }
  | { readonly vouchsafe: 'state'; readonly freshness: Freshness }
  /** How `vet` ended, to the pages that did not ask too: the new worker may take over before they have an answer of their own. */
  | { readonly vouchsafe: 'vetted'; readonly vet: VetResult }
  /** The worker has unregistered, because the signers said so. */
  | { readonly vouchsafe: 'stood-down' };
