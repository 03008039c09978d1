import { type ErrorFacts, VouchsafeError } from './errors.js';
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

/** The web's `fetch`, or something that answers like it. */
export type FetchFunction = (
  url: string,
  init: { readonly cache: 'no-store'; readonly redirect: 'manual'; readonly signal: AbortSignal },
) => Promise<FetchResponse>;

/**
 * Downloads a document. It never holds more than the limit plus one chunk, and never waits longer than the limits allow: when one is
 * crossed, the request is aborted at once.
 *
 * @param fetch how to ask
 * @param url absolute URL
 * @param maxLength most bytes to accept
 * @param limits deadline, window and minimum rate
 * @param expected what was asked for, in words, for the error when more comes
 * @returns the body
 * @throws `too-long`, `too-slow`, `redirected`; `unreachable` for no answer (then without `facts.status`) or a status other than 200
 */
export async function download(
  fetch: FetchFunction,
  url: string,
  maxLength: number,
  limits: Pick<Limits, 'deadline' | 'window' | 'minimumRate'>,
  expected = `at most ${maxLength} bytes`,
): Promise<Uint8Array> {
  const controller = new AbortController();
  const pace = new Pace(limits, url);
  let stop: (() => unknown) | undefined;
  // Nothing is awaited without the pace beside it: a server, or a fetch that does not heed its signal, cannot hold the client.
  const step = async <T>(start: () => Promise<T>): Promise<T> => {
    try {
      return await Promise.race([start(), pace.crossed]);
    } catch (error) {
      if (error instanceof VouchsafeError) throw error;
      throw new VouchsafeError('unreachable', 'No answer came.', { url }, error);
    }
  };
  try {
    const { status, type, body } = await step(() =>
      fetch(url, { cache: 'no-store', redirect: 'manual', signal: controller.signal }),
    );
    const facts: ErrorFacts = { url, status };
    if (type === 'opaqueredirect' || (status >= 300 && status < 400)) {
      throw new VouchsafeError('redirected', 'The server answered with a redirect.', facts);
    }
    if (status !== 200) throw new VouchsafeError('unreachable', `The server answered with status ${status}.`, facts);
    const reader = body?.getReader();
    stop = () => reader?.cancel();
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = reader ? await step(() => reader.read()) : { done: true };
      if (done || !value) break;
      chunks.push(value);
      pace.received += value.length;
      if (pace.received > maxLength) {
        throw new VouchsafeError('too-long', 'More bytes came than the signed metadata or the limit allows.', {
          url,
          expected,
          actual: `at least ${pace.received} bytes`,
        });
      }
    }
    return concat(chunks, pace.received);
  } catch (error) {
    controller.abort();
    // Cancelling an errored stream rejects; the reason is known already.
    Promise.resolve(stop?.()).catch(() => {});
    throw error;
  } finally {
    pace.end();
  }
}

/** Watches a download: `crossed` rejects when it has been too slow over one window, or altogether. */
class Pace {
  received = 0;
  readonly crossed: Promise<never>;
  #timer: unknown;

  constructor({ deadline, window, minimumRate }: Pick<Limits, 'deadline' | 'window' | 'minimumRate'>, url: string) {
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

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
