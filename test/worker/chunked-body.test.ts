import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { type ChunkedPart, chunkedBody, type ReadChunk, readPart } from '../../src/worker/chunked-body.js';

const fileOf = (length: number) => Uint8Array.from({ length }, (_, i) => i % 251);

/** A file in chunks, and how many of them are asked for and not yet there. */
function chunkedFile(length: number, size: number) {
  const file = fileOf(length);
  const asked: number[] = [];
  const count = Math.ceil(length / size);
  const readChunk: ReadChunk = async (index) => {
    asked.push(index);
    await new Promise((resolve) => setImmediate(resolve));
    return file.slice(index * size, (index + 1) * size);
  };
  const part = (start: number, end: number): ChunkedPart => ({
    start,
    end,
    chunks: { size, sha256: Array.from({ length: count }, () => '') },
  });
  return { file, asked, readChunk, part };
}

const bytesOf = async (stream: ReadableStream<Uint8Array>) => new Uint8Array(await new Response(stream).arrayBuffer());
const turns = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('chunkedBody', () => {
  test('gives exactly the bytes of any part, as readPart does', async () => {
    const parts = fc
      .record({ length: fc.integer({ min: 1, max: 60 }), size: fc.integer({ min: 1, max: 20 }), a: fc.nat(59), b: fc.nat(59) })
      .map(({ length, size, a, b }) => ({ length, size, start: Math.min(a, b) % length, end: Math.max(a, b) % length }))
      .filter(({ start, end }) => start <= end);
    await fc.assert(
      fc.asyncProperty(parts, async ({ length, size, start, end }) => {
        const { file, asked, readChunk, part } = chunkedFile(length, size);
        const onEnd = vi.fn();
        const wanted = file.slice(start, end + 1);
        expect(await bytesOf(chunkedBody(part(start, end), readChunk, () => {}, onEnd))).toEqual(wanted);
        expect(onEnd.mock.calls).toEqual([[]]);
        const [first, last] = [Math.floor(start / size), Math.floor(end / size)];
        expect(asked).toEqual(Array.from({ length: last - first + 1 }, (_, i) => first + i));
        expect(await readPart(part(start, end), readChunk)).toEqual(wanted);
      }),
      { seed: 4 },
    );
  });

  test('an empty file has an empty body', async () => {
    const { readChunk, part, asked } = chunkedFile(0, 10);
    const onEnd = vi.fn();
    expect(await bytesOf(chunkedBody(part(0, -1), readChunk, () => {}, onEnd))).toHaveLength(0);
    expect(await readPart(part(0, -1), readChunk)).toHaveLength(0);
    expect(asked).toEqual([]);
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test('C7 tells that a chunk is used when what follows is asked for, not before, and once', async () => {
    const { readChunk, part, file } = chunkedFile(100, 30);
    const used: Uint8Array[] = [];
    const reader = chunkedBody(
      part(5, 99),
      readChunk,
      (chunk) => used.push(chunk),
      () => {},
    ).getReader();
    const read: Uint8Array[] = [];
    for (let i = 0; i < 4; i++) {
      const { value } = await reader.read();
      if (value) read.push(value);
      await turns();
      // The one that was handed on last is still its reader's.
      expect(used).toEqual(read.slice(0, -1));
    }
    expect((await reader.read()).done).toBe(true);
    expect(used).toEqual(read);
    expect(Buffer.concat(read)).toEqual(Buffer.from(file.slice(5)));
  });

  test('a chunk that nobody wanted the next of is not touched', async () => {
    const { readChunk, part } = chunkedFile(100, 30);
    const onUsed = vi.fn();
    const reader = chunkedBody(part(0, 99), readChunk, onUsed, () => {}).getReader();
    await reader.read();
    await reader.cancel();
    await turns();
    expect(onUsed).not.toHaveBeenCalled();
  });

  test('reads nothing before it is asked to, and then one chunk ahead', async () => {
    const { readChunk, part, asked } = chunkedFile(100, 10);
    const onEnd = vi.fn();
    const reader = chunkedBody(part(0, 99), readChunk, () => {}, onEnd).getReader();
    await turns();
    expect(asked).toEqual([]);
    for (let index = 0; index < 10; index++) {
      expect((await reader.read()).value).toHaveLength(10);
      await turns();
      expect(asked).toHaveLength(Math.min(index + 2, 10));
    }
    // The last one has been handed on when it is asked for more, and not before.
    expect(onEnd).not.toHaveBeenCalled();
    expect((await reader.read()).done).toBe(true);
    expect(onEnd).toHaveBeenCalledOnce();
  });

  test('a reader that leaves stops the reading', async () => {
    const { readChunk, part, asked } = chunkedFile(100, 10);
    const onEnd = vi.fn();
    const reader = chunkedBody(part(0, 99), readChunk, () => {}, onEnd).getReader();
    await reader.read();
    await reader.cancel();
    await turns();
    expect(asked).toEqual([0, 1]);
    expect(onEnd.mock.calls).toEqual([[]]);
  });

  test.each(['arrives', 'fails'] as const)('a reader that leaves before its chunk %s is told once', async (how) => {
    const { part } = chunkedFile(100, 10);
    const onEnd = vi.fn();
    const held: (() => void)[] = [];
    const readChunk = () =>
      new Promise<Uint8Array>((resolve, reject) => {
        held.push(() => (how === 'fails' ? reject(new Error('too late')) : resolve(fileOf(10))));
      });
    const reader = chunkedBody(part(0, 99), readChunk, () => {}, onEnd).getReader();
    const reading = reader.read();
    await turns();
    await reader.cancel();
    for (const release of held) release();
    expect(await reading).toEqual({ done: true, value: undefined });
    await turns();
    expect(held).toHaveLength(2);
    expect(onEnd.mock.calls).toEqual([[]]);
  });

  test('a chunk that fails ends the body with an error, after the whole chunks before it', async () => {
    const { file, readChunk, part, asked } = chunkedFile(100, 10);
    const onEnd = vi.fn();
    const failure = new Error('not the signed one');
    const failing: ReadChunk = (index) => (index === 2 ? Promise.reject(failure) : readChunk(index));
    const reader = chunkedBody(part(5, 99), failing, () => {}, onEnd).getReader();
    expect((await reader.read()).value).toEqual(file.slice(5, 10));
    expect((await reader.read()).value).toEqual(file.slice(10, 20));
    // It fails ahead of its turn; no unhandled rejection ends this test's process.
    await turns();
    expect(onEnd).not.toHaveBeenCalled();
    await expect(reader.read()).rejects.toBe(failure);
    expect(onEnd.mock.calls).toEqual([[failure]]);
    expect(asked.at(-1)).toBe(3);
    await expect(readPart(part(5, 99), failing)).rejects.toBe(failure);
  });
});
