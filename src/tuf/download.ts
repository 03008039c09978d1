import { concat } from './concat.js';
import { type ErrorFacts, VouchsafeError } from './errors.js';
import { htmlIn } from './html-answer.js';
import type { Limits } from './limits.js';

/** The part of the web's `ReadableStream` that is used. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

/** The part of the web's `Response` that is used. */
export interface FetchResponse {
  readonly status: number;
  readonly type: string;
  readonly body: ByteStream | null;
}

/**
 * How the HTTP cache takes part: as headers say (for names that stand for one content), after asking whether what it has is still right,
 * or not at all, which replaces what it has.
 */
export type CacheMode = 'default' | 'no-cache' | 'reload';

/** The web's `fetch`, or something that answers like it. */
export type FetchFunction = (
  url: string,
  init: {
    readonly cache: CacheMode;
    readonly redirect: 'manual';
    readonly signal: AbortSignal;
    readonly headers?: { readonly range: string };
  },
) => Promise<FetchResponse>;

/** Bounds on one download. */
export type DownloadLimits = Pick<Limits, 'deadline' | 'window' | 'minimumRate'>;

/**
 * Downloads a document. It never holds more than the limit plus one chunk, and never waits longer than the limits allow: when one is
 * crossed, the request is aborted at once.
 *
 * @param fetch how to ask
 * @param url absolute URL
 * @param maxLength most bytes to accept
 * @param limits deadline, window and minimum rate
 * @param expected what was asked for, in words, for the error when more comes
 * @param cache how the HTTP cache takes part
 * @returns the body
 * @throws `too-long`, `too-slow`, `redirected`; `unreachable` for no answer (then without `facts.status`) or a status other than 200
 */
export async function download(
  fetch: FetchFunction,
  url: string,
  maxLength: number,
  limits: DownloadLimits,
  expected = `at most ${maxLength} bytes`,
  cache: CacheMode = 'no-cache',
): Promise<Uint8Array> {
  const answer = new Download(url, limits);
  try {
    await answer.open(fetch, cache);
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (let chunk = await answer.read(); chunk; chunk = await answer.read()) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > maxLength) {
        throw new VouchsafeError('too-long', 'More bytes came than the signed metadata or the limit allows.', {
          url,
          expected,
          actual: `at least ${length} bytes`,
          diagnosis: htmlIn(concat(chunks, length)) ?? 'unknown bytes',
        });
      }
    }
    return concat(chunks, length);
  } catch (error) {
    answer.abort();
    throw error;
  } finally {
    answer.rest();
  }
}

/** One request and the body of its answer. Begun with the limits' clock running; whoever reads it aborts it after a failure. */
export class Download {
  readonly #url: string;
  readonly #limits: DownloadLimits;
  readonly #controller = new AbortController();
  #pace: Pace;
  #reader: ReturnType<ByteStream['getReader']> | undefined;

  /**
   * @param url absolute URL
   * @param limits deadline, window and minimum rate
   */
  constructor(url: string, limits: DownloadLimits) {
    this.#url = url;
    this.#limits = limits;
    this.#pace = new Pace(limits, url);
  }

  /**
   * Asks.
   *
   * @param fetch how
   * @param cache how the HTTP cache takes part
   * @param range the header `Range`; without it only status 200 is an answer
   * @returns the status, 200 or 206
   * @throws as `download` does
   */
  async open(fetch: FetchFunction, cache: CacheMode, range?: string): Promise<number> {
    const url = this.#url;
    const { status, type, body } = await this.#step(() =>
      fetch(url, { cache, redirect: 'manual', signal: this.#controller.signal, ...(range && { headers: { range } }) }),
    );
    const facts: ErrorFacts = { url, status };
    if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
      throw new VouchsafeError('redirected', 'The server answered with a redirect.', facts);
    }
    if (status !== 200 && !(range && status === 206)) {
      throw new VouchsafeError('unreachable', `The server answered with status ${status}.`, facts);
    }
    this.#reader = body?.getReader();
    return status;
  }

  /** @returns the next bytes of the body, or undefined at its end. @throws as `download` does */
  async read(): Promise<Uint8Array | undefined> {
    const reader = this.#reader;
    const { value } = reader ? await this.#step(() => reader.read()) : {};
    this.#pace.received += value?.length ?? 0;
    return value;
  }

  /** Stops the clock, until `resume`: nobody asks for more now. */
  rest(): void {
    this.#pace.end();
  }

  /** Starts the clock anew. */
  resume(): void {
    this.#pace.end();
    this.#pace = new Pace(this.#limits, this.#url);
  }

  /** Ends the request at once. */
  abort(): void {
    this.#controller.abort();
    // Cancelling an errored stream rejects; the reason is known already.
    Promise.resolve(this.#reader?.cancel()).catch(() => {});
  }

  /** Nothing is awaited without the pace beside it: a server, or a fetch that does not heed its signal, cannot hold the client. */
  async #step<T>(start: () => Promise<T>): Promise<T> {
    try {
      return await Promise.race([start(), this.#pace.crossed]);
    } catch (error) {
      if (error instanceof VouchsafeError) throw error;
      throw new VouchsafeError('unreachable', 'No answer came.', { url: this.#url }, error);
    }
  }
}

/** Watches a download: `crossed` rejects when it has been too slow over one window, or altogether. */
class Pace {
  received = 0;
  readonly crossed: Promise<never>;
  #timer: unknown;

  constructor({ deadline, window, minimumRate }: DownloadLimits, url: string) {
    this.crossed = new Promise((_, reject) => {
      const watch = (before: number, elapsed: number): void => {
        const time = Math.min(window, deadline - elapsed);
        this.#timer = setTimeout(() => {
          const enough = this.received - before >= (minimumRate * time) / 1000;
          if (enough && elapsed + time < deadline) watch(this.received, elapsed + time);
          else {
            reject(
              new VouchsafeError('too-slow', 'The download was too slow.', {
                url,
                expected: `${minimumRate} bytes per second, at most ${deadline / 1000} seconds`,
                actual: `${this.received} bytes in ${(elapsed + time) / 1000} seconds`,
              }),
            );
          }
        }, time);
      };
      watch(0, 0);
    });
    // It may reject when nobody waits for it any more.
    this.crossed.catch(() => {});
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
