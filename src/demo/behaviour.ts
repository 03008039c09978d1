import type { ServerResponse } from 'node:http';
import { contentTypeOf, findCounterpart, findFile, type PublishedFile } from './published-file.js';

/** One way to answer dishonestly. Where the honest answer is needed, it is the file in the served directory. */
export type Behaviour =
  /** One bit of the file's first, middle or last byte is changed. */
  | { readonly flip: 'first' | 'middle' | 'last' }
  /** Another status, with a body of the attacker's choice. */
  | { readonly status: number; readonly body?: string | Uint8Array; readonly headers?: Record<string, string> }
  /** The right bytes with other headers; null drops a header. */
  | { readonly headers: Record<string, string | string[] | null> }
  /** A redirect (302) to this URL. */
  | { readonly redirect: string }
  /** Status 200 with another body. */
  | { readonly body: string | Uint8Array; readonly type?: string }
  /** Announces the whole length, sends this many bytes and hangs up. */
  | { readonly truncate: number }
  /** Announces the whole length (of an empty body, one byte), sends this share of the bytes (0 to 1), and then nothing more; hangs up when the lie ends. */
  | { readonly stall: number }
  /** Hangs up without an answer. */
  | { readonly drop: true }
  /** The right bytes of another path. */
  | { readonly swapWith: string }
  /** The same file as another directory has it: an older release. */
  | { readonly from: string }
  /** The right bytes, and then more without end. */
  | { readonly endless: true }
  /** One byte a second. */
  | { readonly drip: true }
  /** No answer until the lie ends; then an honest one. */
  | { readonly hold: true };

const flipped = (bytes: Uint8Array, where: 'first' | 'middle' | 'last'): Uint8Array => {
  const copy = Uint8Array.from(bytes.length === 0 ? [0] : bytes);
  const index = { first: 0, middle: copy.length >> 1, last: copy.length - 1 }[where];
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
};

const send = (
  response: ServerResponse,
  status: number,
  headers: Record<string, string | string[]>,
  body: string | Uint8Array,
): void => {
  const length =
    'content-length' in headers || 'transfer-encoding' in headers ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  response.writeHead(status, { ...headers, ...length });
  response.end(body);
};

const drainOrClose = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

const sendEndlessly = async (response: ServerResponse, file: PublishedFile): Promise<void> => {
  response.writeHead(file.status, file.headers);
  const chunk = Buffer.alloc(16_384, ' ');
  let more = response.write(file.bytes);
  while (!response.destroyed) {
    // Backpressure, and a breath so that a client that reads for ever does not take the whole machine with it.
    if (!more) await drainOrClose(response);
    await new Promise((resolve) => setTimeout(resolve, 1));
    more = response.write(chunk);
  }
};

const sendDripping = async (response: ServerResponse, file: PublishedFile): Promise<void> => {
  response.writeHead(file.status, { ...file.headers, 'content-length': String(file.bytes.length) });
  for (const byte of file.bytes) {
    if (response.destroyed) return;
    response.write(Uint8Array.of(byte));
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  response.end();
};

const hangUpAfter = (response: ServerResponse, file: PublishedFile, bytes: number): void => {
  response.writeHead(file.status, { ...file.headers, 'content-length': String(file.bytes.length) });
  // Node keeps the head back until there is a body; an empty one still has to leave before the connection ends.
  response.flushHeaders();
  response.write(file.bytes.subarray(0, bytes), () => response.destroy());
};

const stallAfter = (response: ServerResponse, file: PublishedFile, share: number): void => {
  // A browser takes an empty body for complete, and uses the connection again, on which nothing would then be answered.
  response.writeHead(file.status, { ...file.headers, 'content-length': String(Math.max(1, file.bytes.length)) });
  response.flushHeaders();
  response.write(file.bytes.subarray(0, Math.floor(file.bytes.length * share)));
};

const NOTHING: PublishedFile = { status: 404, bytes: new Uint8Array(), headers: { 'content-type': 'text/plain; charset=utf-8' } };

const withHeaders = (file: PublishedFile, changes: Record<string, string | string[] | null>): Record<string, string | string[]> => {
  const headers: Record<string, string | string[]> = { ...file.headers };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete headers[name.toLowerCase()];
    else headers[name.toLowerCase()] = value;
  }
  return headers;
};

/**
 * Answers a request dishonestly.
 *
 * @param behaviour how
 * @param out the directory served
 * @param path URL path below the base, percent-encoded, with a leading slash; undefined outside of the base
 * @param response where the answer goes
 */
export async function answerWithLie(
  behaviour: Behaviour,
  out: string,
  path: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const honest = async (): Promise<PublishedFile> => (path === undefined ? undefined : await findFile(out, path)) ?? NOTHING;
  if ('drop' in behaviour) {
    response.destroy();
  } else if ('redirect' in behaviour) {
    send(response, 302, { location: behaviour.redirect }, '');
  } else if ('status' in behaviour) {
    const body = behaviour.body ?? `<!doctype html><title>${behaviour.status}</title><h1>${behaviour.status}</h1>\n`;
    send(response, behaviour.status, { 'content-type': 'text/html; charset=utf-8', ...behaviour.headers }, body);
  } else if ('body' in behaviour) {
    send(response, 200, { 'content-type': behaviour.type ?? contentTypeOf(path ?? '') }, behaviour.body);
  } else if ('flip' in behaviour) {
    const file = await honest();
    send(response, file.status, file.headers, flipped(file.bytes, behaviour.flip));
  } else if ('headers' in behaviour) {
    const file = await honest();
    send(response, file.status, withHeaders(file, behaviour.headers), file.bytes);
  } else if ('truncate' in behaviour) {
    hangUpAfter(response, await honest(), behaviour.truncate);
  } else if ('stall' in behaviour) {
    stallAfter(response, await honest(), behaviour.stall);
  } else if ('swapWith' in behaviour) {
    const [file, other] = [await honest(), await findFile(out, behaviour.swapWith)];
    send(response, 200, file.headers, other?.bytes ?? '');
  } else if ('from' in behaviour) {
    const [file, older] = [await honest(), await findCounterpart(behaviour.from, path ?? '')];
    if (older === undefined) send(response, 404, NOTHING.headers, '');
    else send(response, 200, file === NOTHING ? { 'content-type': contentTypeOf(path ?? '') } : file.headers, older);
  } else if ('endless' in behaviour) {
    await sendEndlessly(response, await honest());
  } else if ('drip' in behaviour) {
    await sendDripping(response, await honest());
  }
}
