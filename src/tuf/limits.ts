/** Bounds on what an untrusted server can make the client do. */
export interface Limits {
  /** Bytes of one root file. */
  readonly rootLength: number;
  /** Bytes of the timestamp, which nothing signed bounds. */
  readonly timestampLength: number;
  /** Bytes of the snapshot. The length that the timestamp states counts when it is lower. */
  readonly snapshotLength: number;
  /** Bytes of the metadata of one targets role. The length that the snapshot states counts when it is lower. */
  readonly targetsLength: number;
  /** New root versions taken in one refresh. */
  readonly rootRotations: number;
  /** Delegated roles visited in the search for one target. */
  readonly delegations: number;
  /** Milliseconds one download may take altogether. */
  readonly deadline: number;
  /** Milliseconds over which the minimum rate is measured; also the longest wait for the first byte. */
  readonly window: number;
  /** Bytes per second that every window of a download must reach. */
  readonly minimumRate: number;
}

export const DEFAULT_LIMITS: Limits = {
  // The largest real roots (Sigstore's, with certificates for keys) have 7 KB; this leaves room for hundreds of keys.
  rootLength: 512_000,
  // A timestamp names one file: half a kilobyte, plus a signature per key.
  timestampLength: 16_384,
  // About 200 bytes for each delegated role with its hash: room for 16,384 hash bins.
  snapshotLength: 4_000_000,
  // About 180 bytes for each target: room for 180,000.
  targetsLength: 32_000_000,
  // A root a week for five years offline. A client further behind goes on from here at its next refresh.
  rootRotations: 256,
  // As many as the reference clients visit. Each may cost a download; with hash bins one is enough however many there are.
  delegations: 32,
  // A 300 MB file at 4 Mbit/s. What a slower server makes of its time is bounded by the minimum rate.
  deadline: 600_000,
  // Longer than a mobile network takes to wake up, shorter than a person takes to give up.
  window: 15_000,
  // Far below the slowest mobile network (GPRS: 3,000), far above a server that holds the client with a byte now and then.
  minimumRate: 500,
};
