/** Tags of elements. */
const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const SEQUENCE = 0x30;

/**
 * Reads the little DER (ITU-T X.690) that keys and signatures are made of. Strict: a value has one encoding, so that one key, however it is
 * written, is one key.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  /** @param bytes elements, one after the other */
  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * @param bytes a SEQUENCE and nothing else
   * @returns a reader of what is in it
   * @throws RangeError when they are anything else
   */
  static sequence(bytes: Uint8Array): DerReader {
    const reader = new DerReader(bytes);
    const content = reader.take(SEQUENCE);
    reader.end();
    return new DerReader(content);
  }

  /**
   * @param tag the element that must come next
   * @returns its content
   * @throws RangeError when another one comes, it is cut off, or its length is not in the shortest form
   */
  take(tag: number): Uint8Array {
    check(this.#byte() === tag);
    let length = this.#byte();
    if (length >= 0x80) {
      // Two bytes of length are enough for a key of half a million bits.
      const isShort = length === 0x81;
      check(isShort || length === 0x82);
      length = isShort ? this.#byte() : 256 * this.#byte() + this.#byte();
      check(length >= (isShort ? 0x80 : 0x100));
    }
    const content = this.#bytes.subarray(this.#at, this.#at + length);
    check(content.length === length);
    this.#at += length;
    return content;
  }

  /**
   * @returns the bytes of a positive INTEGER without leading zeros, the highest first
   * @throws RangeError when something else comes
   */
  takePositive(): Uint8Array {
    const content = this.take(INTEGER);
    const [first = 0, second = 0] = content;
    check(first > 0 ? first < 0x80 : second >= 0x80);
    return first > 0 ? content : content.subarray(1);
  }

  /** @throws RangeError when there is more */
  end(): void {
    check(this.#at === this.#bytes.length);
  }

  #byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }
}

function check(holds: boolean): void {
  if (!holds) throw new RangeError('This is not the DER that was expected.');
}
