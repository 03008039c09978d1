/** Seconds. What keeps failing is tried again after an hour at the latest, or a broken site would stay broken. */
const LONGEST = 3600;
/** The least to begin with, in seconds: a signed interval of 0 means every time, not every time while the server is breaking down. */
const SHORTEST = 1;

/**
 * How often something is done that nobody asks for. What fails is left alone for twice as long each time, and not by all browsers for the same
 * time: a server that is down or overloaded, or a release that is refused, would otherwise be asked for by everybody at every page. Who owns the
 * network and makes looks fail could as well hold them back; when that is over, this costs an hour at most.
 */
export class Pace {
  #began = Number.NEGATIVE_INFINITY;
  #failures = 0;
  /** 0.8 to 1.2, drawn at each failure. */
  #spread = 1;

  /**
   * Whether it is time again.
   *
   * @param interval seconds from one time to the next when nothing fails
   */
  isDue(interval: number): boolean {
    const wait =
      this.#failures === 0
        ? interval
        : Math.max(interval, Math.min(Math.max(interval, SHORTEST) * 2 ** this.#failures, LONGEST) * this.#spread);
    // Both ways: a clock that has gone back would put it off for as long.
    return Math.abs(Date.now() - this.#began) >= wait * 1000;
  }

  /**
   * It was done, and nobody can say whether it failed.
   *
   * @param at when it began, in milliseconds since 1970
   */
  began(at: number): void {
    this.#began = at;
  }

  /** @param at when it began, in milliseconds since 1970 */
  succeeded(at: number): void {
    this.#began = at;
    this.#failures = 0;
  }

  /** @param at when it began, in milliseconds since 1970 */
  failed(at: number): void {
    this.#began = at;
    this.#failures++;
    this.#spread = 0.8 + 0.4 * Math.random();
  }
}
