import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ChunkHasher } from '../../src/node/describe-file.js';
import type { PublishOptions } from '../../src/node/publish.js';
import { Workspace } from './workspace.js';

const SIZE = 262_144;
const LIMIT = 1_048_576;

/** Bytes of which no two pieces are alike. */
const bytesOf = (length: number): Buffer => {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(at, at);
  return bytes;
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const piecesOf = (bytes: Buffer): string[] =>
  Array.from({ length: Math.ceil(bytes.length / SIZE) }, (_, i) => sha256(bytes.subarray(i * SIZE, (i + 1) * SIZE)));

const chunksOf = async (files: Record<string, Uint8Array>, options: Partial<PublishOptions> = {}): Promise<unknown> => {
  const workspace = await Workspace.make({ 'index.html': '', ...files });
  await workspace.published(options);
  return JSON.parse(new TextDecoder().decode(await workspace.target('vouchsafe.json'))).chunks;
};

describe('the pieces of large files', () => {
  test('each has its hash in the manifest; smaller files and documents have none', async () => {
    const even = bytesOf(LIMIT);
    const odd = bytesOf(LIMIT + 5);
    const files = { 'even.bin': even, 'odd.mp4': odd, 'small.bin': bytesOf(LIMIT - 1), 'page.HTM': odd, 'page.xhtml': odd };
    const chunks = await chunksOf(files);
    expect(chunks).toEqual({
      'even.bin': { size: SIZE, sha256: piecesOf(even) },
      'odd.mp4': { size: SIZE, sha256: piecesOf(odd) },
    });
    expect(piecesOf(even)).toHaveLength(4);
    expect(piecesOf(odd)).toHaveLength(5);
    expect(await chunksOf(files)).toEqual(chunks);
  });

  test('the limit can be moved and taken away', async () => {
    const bytes = bytesOf(100);
    expect(await chunksOf({ 'a.bin': bytes, 'b.bin': bytesOf(99) }, { chunkFrom: 100 })).toEqual({
      'a.bin': { size: SIZE, sha256: [sha256(bytes)] },
    });
    expect(await chunksOf({ 'a.bin': bytesOf(LIMIT) }, { chunkFrom: false })).toBeUndefined();
  });

  test.each([1000, SIZE - 1, SIZE, SIZE + 1, 3 * SIZE])('are the same when the file is read by %i bytes', (step) => {
    const bytes = bytesOf(2 * SIZE + 10);
    const hasher = new ChunkHasher();
    for (let at = 0; at < bytes.length; at += step) hasher.see(bytes.subarray(at, at + step));
    expect(hasher.end()).toEqual({ size: SIZE, sha256: piecesOf(bytes) });
  });

  test('of nothing there are none', () => {
    expect(new ChunkHasher().end()).toEqual({ size: SIZE, sha256: [] });
  });
});
