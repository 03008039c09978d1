import { download, type FetchFunction } from './download.js';
import { type ErrorFacts, VouchsafeError, withFacts } from './errors.js';
import type { Limits } from './limits.js';

/** What is asked for, and what it takes to be accepted. */
export interface Request<T> {
  /** Relative to a mirror's URL. */
  readonly name: string;
  /** What is known of it, for errors. */
  readonly facts: ErrorFacts;
  /** Most bytes to accept. */
  readonly maxLength: number;
  /** The rules: refuses by throwing, and then leaves everything as it was. */
  readonly take: (bytes: Uint8Array) => Promise<T>;
  /** What was asked for in words, for the error when more comes. */
  readonly expected?: string;
}

/** The servers that have the same files. None is trusted; one is enough that has the right ones. */
export class Mirrors {
  readonly #urls: readonly string[];
  readonly #fetch: FetchFunction;
  readonly #limits: Limits;
  readonly #onFailure: (error: VouchsafeError) => void;

  /**
   * @param urls absolute, with a trailing slash, in the order to ask them
   * @param fetch how to ask
   * @param limits bounds for each download
   * @param onFailure told of each failure that another mirror made good
   */
  constructor(
    urls: string | readonly string[],
    fetch: FetchFunction,
    limits: Limits,
    onFailure: (error: VouchsafeError) => void = () => {},
  ) {
    this.#urls = typeof urls === 'string' ? [urls] : urls;
    this.#fetch = fetch;
    this.#limits = limits;
    this.#onFailure = onFailure;
  }

  /**
   * Asks one mirror after the other until the answer of one is accepted.
   *
   * @param request what to ask for
   * @returns what `take` returned
   * @throws when no answer is accepted: that there is no such file, if a mirror says so, else what the first mirror failed with
   */
  async first<T>(request: Request<T>): Promise<T> {
    const failures: unknown[] = [];
    for (const url of this.#urls) {
      try {
        const value = await this.#ask(url, request);
        this.#report(failures);
        return value;
      } catch (error) {
        failures.push(error);
      }
    }
    throw this.#worst(failures);
  }

  /**
   * Asks every mirror, for what each may have a newer version of: one that withholds it cannot hold the client back.
   *
   * @param request what to ask for; `take` is called once for each mirror that answers
   * @returns what `take` returned, in the order of the mirrors
   * @throws as `first` does
   */
  async all<T>(request: Request<T>): Promise<T[]> {
    const values: T[] = [];
    const failures: unknown[] = [];
    for (const url of this.#urls) await this.#ask(url, request).then(values.push.bind(values), failures.push.bind(failures));
    if (values.length === 0) throw this.#worst(failures);
    this.#report(failures);
    return values;
  }

  async #ask<T>(base: string, { name, facts, maxLength, take, expected }: Request<T>): Promise<T> {
    const url = base + name;
    try {
      return await take(await download(this.#fetch, url, maxLength, this.#limits, expected));
    } catch (error) {
      throw withFacts(error, { ...facts, url });
    }
  }

  /** What to throw when all have failed; the others are reported. */
  #worst(failures: readonly unknown[]): unknown {
    const worst = failures.find(isMissing) ?? failures[0];
    this.#report(failures.filter((failure) => failure !== worst && !isMissing(failure)));
    return worst;
  }

  #report(failures: readonly unknown[]): void {
    for (const failure of failures) if (failure instanceof VouchsafeError) this.#onFailure(failure);
  }
}

/**
 * Whether a server says that there is no such file. Object stores say it with a 403.
 *
 * @param error anything thrown
 */
export function isMissing(error: unknown): boolean {
  return error instanceof VouchsafeError && (error.facts.status === 404 || error.facts.status === 403);
}
