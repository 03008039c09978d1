import { type CacheMode, download, type FetchFunction } from './download.js';
import { type ErrorFacts, VouchsafeError, withFacts } from './errors.js';
import { noJsonIn } from './html-answer.js';
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
  /** How the HTTP cache takes part; `no-cache` by default. */
  readonly cache?: CacheMode;
  /** Whether that there is no such file is an answer too. It counts when no mirror has it and one says so. */
  readonly mayBeMissing?: boolean;
}

/** The servers that have the same files. None is trusted; one is enough that has the right ones. */
export class Mirrors {
  /** Best first. */
  readonly #urls: string[];
  readonly #fetch: FetchFunction;
  readonly #limits: Limits;
  readonly #onFailure: (error: VouchsafeError) => void;
  readonly #hasHttpCache: boolean;
  /** What was asked for before its turn. */
  #ahead: { readonly url: string; readonly bytes: Promise<Uint8Array> } | undefined;

  /**
   * @param urls absolute, with a trailing slash, in the order to ask them
   * @param fetch how to ask
   * @param limits bounds for each download
   * @param onFailure told of each failure that is not thrown
   * @param hasHttpCache whether what is refused may have come from an HTTP cache, and is asked for once more past it
   * @throws TypeError without any URL
   */
  constructor(
    urls: string | readonly string[],
    fetch: FetchFunction,
    limits: Limits,
    onFailure: (error: VouchsafeError) => void = () => {},
    hasHttpCache = false,
  ) {
    this.#urls = typeof urls === 'string' ? [urls] : [...urls];
    if (this.#urls.length === 0) throw new TypeError('There must be at least one URL.');
    this.#fetch = fetch;
    this.#limits = limits;
    this.#onFailure = (error) => onFailure(error);
    this.#hasHttpCache = hasHttpCache;
  }

  /**
   * Asks the first mirror now for what `first` or `each` will, or may, ask it for, in place of what was asked ahead before. Nothing is done with the answer until
   * its turn comes, nor is it known then that it was asked for earlier.
   *
   * @param request what will be asked for, with the default of `cache`
   */
  askAhead({ name, maxLength }: Pick<Request<unknown>, 'name' | 'maxLength'>): void {
    const url = this.#urls[0] + name;
    const bytes = download(this.#fetch, url, maxLength, this.#limits);
    // Its turn may not come.
    bytes.catch(() => {});
    this.#ahead = { url, bytes };
  }

  /**
   * Asks one mirror after the other until the answer of one is accepted.
   *
   * @param request what to ask for
   * @returns what `take` returned
   * @throws what the first mirror's answer was refused for, when no mirror's is accepted; what `take` throws that is no refusal
   */
  async first<T>(request: Request<T>): Promise<T> {
    const failures: VouchsafeError[] = [];
    for (const url of [...this.#urls]) {
      const answer = await this.#ask(url, request, failures);
      if (!answer) continue;
      failures.forEach(this.#onFailure);
      return answer.value;
    }
    throw this.#failed(failures, request);
  }

  /**
   * Asks every mirror, for what each may have a newer version of: one that withholds it cannot hold the client back.
   *
   * @param request what to ask for; `take` is called once for each mirror that answers
   * @returns what `take` returned, as it comes
   * @throws as `first` does
   */
  async *each<T>(request: Request<T>): AsyncGenerator<T, void> {
    const failures: VouchsafeError[] = [];
    const urls = [...this.#urls];
    for (const url of urls) {
      const answer = await this.#ask(url, request, failures);
      if (answer) yield answer.value;
    }
    if (failures.length === urls.length) throw this.#failed(failures, request);
    failures.forEach(this.#onFailure);
  }

  async #ask<T>(base: string, request: Request<T>, failures: VouchsafeError[]): Promise<{ readonly value: T } | undefined> {
    const { name, facts, maxLength, take, expected, cache = 'no-cache' } = request;
    const url = base + name;
    const ahead = this.#ahead?.url === url ? this.#ahead : undefined;
    if (ahead) this.#ahead = undefined;
    const ask = async (mode: CacheMode): Promise<{ readonly value: T } | VouchsafeError> => {
      let bytes: Uint8Array | undefined;
      try {
        const early = mode === cache ? ahead?.bytes : undefined;
        bytes = early && (await early);
        // It may have been asked for before it was known how long it can be.
        if (!bytes || bytes.length > maxLength) bytes = await download(this.#fetch, url, maxLength, this.#limits, expected, mode);
        return { value: await take(bytes) };
      } catch (thrown) {
        const diagnosis = (thrown as VouchsafeError).code === 'malformed' && bytes && noJsonIn(bytes);
        const error = withFacts(thrown, { ...facts, url, ...(diagnosis && { diagnosis }) });
        if (error instanceof VouchsafeError) return error;
        throw error;
      }
    };
    let answer = await ask(cache);
    if (this.#hasHttpCache && answer instanceof VouchsafeError && mayBeCached(answer, cache)) {
      const again = await ask('reload');
      // A poisoned cache is worth a report, but stands in nobody's way.
      if (!(again instanceof VouchsafeError)) this.#onFailure(answer);
      if (!isSilence(again)) answer = again;
    }
    if (!(answer instanceof VouchsafeError)) return answer;
    failures.push(answer);
    // Asked last from now on, so that a slow one does not cost its time for every file. That there is no such file comes quickly.
    if (!isMissing(answer)) this.#urls.push(...this.#urls.splice(this.#urls.indexOf(base), 1));
    return undefined;
  }

  /** Reports all failures but the one to throw, and returns that. */
  #failed(failures: readonly VouchsafeError[], { mayBeMissing }: Request<unknown>): VouchsafeError {
    const missing = mayBeMissing ? failures.filter(isMissing) : [];
    const [error = failures[0] as VouchsafeError] = missing;
    for (const failure of failures) if (failure !== error && !missing.includes(failure)) this.#onFailure(failure);
    return error;
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

/** Whether an HTTP cache may have given what was refused. One that had to ask the server has its status from there. */
function mayBeCached(error: VouchsafeError, cache: CacheMode): boolean {
  return !isSilence(error) && (cache === 'default' || error.facts.status === undefined);
}

/** Whether no answer came, or not in time. */
function isSilence(answer: unknown): boolean {
  if (!(answer instanceof VouchsafeError)) return false;
  return answer.code === 'too-slow' || (answer.code === 'unreachable' && answer.facts.status === undefined);
}
