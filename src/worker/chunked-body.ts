import type { Chunks } from '../release/manifest.js';
import type { ByteRange } from './range.js';

/** Chunks that are read, or are being read, and not yet handed on: the one that is waited for, and the next. */
const AT_ONCE = 2;

/** A part of a file that is signed in chunks. */
export interface ChunkedPart extends ByteRange {
  readonly chunks: Chunks;
}

/** Reads one chunk and checks it: bytes that were not checked are never handed on. */
export type ReadChunk = (index: number) => Promise<Uint8Array>;

/**
 * Streams a part of a file, at the pace at which it is read. It holds no more than two chunks, however large the file.
 *
 * Not for documents: when a chunk fails midway the stream does, and every engine shows the part of a page that had come by then. They are
 * read with `readPart`.
 *
 * @param part which bytes
 * @param readChunk called for each chunk in order, at most two at once
 * @param onUsed called with each chunk when the engine asks for what follows: then it has copied it, and nobody else has it
 * @param onEnd called once, when the last byte was handed on, nobody wants the rest, or a chunk failed: then with why. Until then the
 *   worker has to be kept alive (`waitUntil`), or Firefox stops it and hands on half of the body without an error
 */
export function chunkedBody(
  part: ChunkedPart,
  readChunk: ReadChunk,
  onUsed: (chunk: Uint8Array) => void,
  onEnd: (error?: unknown) => void,
): ReadableStream<Uint8Array> {
  const pieces = piecesOf(part, readChunk);
  let handedOn: Uint8Array | undefined;
  let isCancelled = false;
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          if (handedOn) onUsed(handedOn);
          handedOn = undefined;
          const piece = await pieces.next();
          if (isCancelled) return;
          if (piece) {
            handedOn = piece;
            return controller.enqueue(piece);
          }
          // Not with the last piece: when it is asked for what follows, that one is handed on.
          controller.close();
          onEnd();
        } catch (error) {
          if (isCancelled) return;
          controller.error(error);
          onEnd(error);
        }
      },
      cancel() {
        isCancelled = true;
        pieces.stop();
        onEnd();
      },
    },
    { highWaterMark: 0 },
  );
}

/**
 * Reads a part of a file at once: for documents, and for what is small.
 *
 * @param part which bytes
 * @param readChunk as for `chunkedBody`
 * @returns the bytes
 * @throws what `readChunk` throws
 */
export async function readPart(part: ChunkedPart, readChunk: ReadChunk): Promise<Uint8Array> {
  const bytes = new Uint8Array(part.end + 1 - part.start);
  const pieces = piecesOf(part, readChunk);
  let offset = 0;
  for (let piece = await pieces.next(); piece; piece = await pieces.next()) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

/** The chunks that a part is in, one after the other, the first and the last cut to it. */
function piecesOf({ start, end, chunks: { size } }: ChunkedPart, readChunk: ReadChunk) {
  const ahead: { readonly from: number; readonly chunk: Promise<Uint8Array> }[] = [];
  let from = start - (start % size);
  return {
    async next(): Promise<Uint8Array | undefined> {
      for (; ahead.length < AT_ONCE && from <= end; from += size) {
        const chunk = readChunk(from / size);
        // One that fails while the one before it is still read is not unhandled: it is awaited later, or nobody wants it.
        chunk.catch(() => {});
        ahead.push({ from, chunk });
      }
      const first = ahead.shift();
      return first && (await first.chunk).subarray(Math.max(0, start - first.from), end + 1 - first.from);
    },
    stop(): void {
      from = end + 1;
      ahead.length = 0;
    },
  };
}
