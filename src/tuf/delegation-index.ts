import { sha256 } from '@noble/hashes/sha2.js';
import type { Delegation, Delegations, HashBins, PathDelegation } from './delegations.js';
import { toHex } from './hex.js';
import { matchesPattern } from './path-pattern.js';

const UTF8 = new TextEncoder();

/** Finds the delegations for a path without looking at each: by hash prefix there can be thousands. */
export class DelegationIndex {
  readonly #roles: readonly PathDelegation[];
  /** Places in the list above. */
  readonly #withPatterns: number[] = [];
  readonly #byHashPrefix = new Map<string, number[]>();
  readonly #bins: HashBins | undefined;
  /** Those that were asked for. Always the same object for a bin, since what was verified is remembered by object. */
  readonly #binByNumber = new Map<number, Delegation>();

  /** @param delegations of one role */
  constructor({ roles, bins }: Delegations) {
    this.#roles = roles;
    this.#bins = bins;
    for (const [place, { patterns, hashPrefixes }] of roles.entries()) {
      if (patterns.length > 0) this.#withPatterns.push(place);
      for (const prefix of new Set(hashPrefixes)) {
        const others = this.#byHashPrefix.get(prefix);
        if (others) others.push(place);
        else this.#byHashPrefix.set(prefix, [place]);
      }
    }
  }

  /**
   * The delegations whose paths a target path is among (specification 5.6.7.2).
   *
   * @param path target path
   * @returns in order of priority
   */
  matching(path: string): Delegation[] {
    if (this.#bins) return [this.#binOf(path, this.#bins)];
    const places = this.#withPatterns.filter((place) =>
      this.#roles[place]?.patterns.some((pattern) => matchesPattern(path, pattern)),
    );
    if (this.#byHashPrefix.size > 0) {
      const hash = toHex(hashOf(path));
      const prefixes = Array.from({ length: hash.length + 1 }, (_, length) => hash.slice(0, length));
      const found = new Set(prefixes.flatMap((prefix) => this.#byHashPrefix.get(prefix) ?? []));
      for (const place of found) places.push(place);
      places.sort((a, b) => a - b);
    }
    return places.map((place) => this.#roles[place] as PathDelegation);
  }

  #binOf(path: string, { shared, namePrefix, bitLength }: HashBins): Delegation {
    const hash = hashOf(path);
    const number = new DataView(hash.buffer, hash.byteOffset).getUint32(0) >>> (32 - bitLength);
    let bin = this.#binByNumber.get(number);
    if (!bin) {
      bin = { ...shared, role: binName(namePrefix, bitLength, number) };
      this.#binByNumber.set(number, bin);
    }
    return bin;
  }
}

/**
 * @param namePrefix what all bins are called
 * @param bitLength how many bits of the hash tell them apart
 * @param number of the bin, from 0
 * @returns the role name of a hash bin (TAP 15)
 */
export function binName(namePrefix: string, bitLength: number, number: number): string {
  return `${namePrefix}-${number.toString(16).padStart(Math.ceil(bitLength / 4), '0')}`;
}

/** In JavaScript: for something as short as a path, WebCrypto's way through another thread takes ten times as long. */
function hashOf(path: string): Uint8Array {
  return sha256(UTF8.encode(path));
}
