import { execFileSync } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Utf8Detector } from '../../src/node/describe-file.js';
import { PrivateKeyDetector } from '../../src/node/key-file.js';
import { Workspace } from './workspace.js';

/** In two pieces, cut anywhere, and byte by byte. */
const cuts = (bytes: Buffer): Buffer[][] => [
  ...Array.from({ length: bytes.length + 1 }, (_, at) => [bytes.subarray(0, at), bytes.subarray(at)]),
  Array.from(bytes, (byte) => Buffer.of(byte)),
];

describe('Utf8Detector', () => {
  test.each([
    ['', true],
    ['61 c3 a9 e2 82 ac f0 9f 98 80 62', true],
    ['ef bb bf 61', true],
    ['f0 9f 98 80 f0 9f 98 80', true],
    ['61 c3', false],
    ['e2 82', false],
    ['f0 9f 98', false],
    ['80', false],
    ['c0 80', false],
    ['ed a0 80', false],
    ['f4 90 80 80', false],
    ['ff', false],
    ['e2 82 61 ac', false],
    ['c3 a9 a9', false],
  ])('%s: %s, wherever it is cut', (hex, expected) => {
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex');
    for (const pieces of cuts(bytes)) {
      const detector = new Utf8Detector();
      const reused = Buffer.alloc(64);
      for (const piece of pieces) detector.see(reused.subarray(0, piece.copy(reused)));
      expect([pieces, detector.end()]).toEqual([pieces, expected]);
    }
  });
});

describe('PrivateKeyDetector', () => {
  test('finds a key wherever it is cut, and no half of one', () => {
    const key = `vouchsafe-private-ed25519:${'0a'.repeat(32)}`;
    const seen = (pieces: readonly Buffer[]): boolean => {
      const detector = new PrivateKeyDetector();
      const reused = Buffer.alloc(512);
      return pieces.some((piece) => detector.sees(reused.subarray(0, piece.copy(reused))));
    };
    for (const before of ['', 'x'.repeat(200)]) {
      for (const pieces of cuts(Buffer.from(`${before}${key}${before}`))) expect(seen(pieces)).toBe(true);
      for (const pieces of cuts(Buffer.from(`${before}${key.slice(0, -1)} ${before}`))) expect(seen(pieces)).toBe(false);
    }
  });
});

describe('a large file', () => {
  test('takes no more memory than a small one', async () => {
    const workspace = await Workspace.make();
    await workspace.init({ now: Date.now });
    const note = workspace.path('memory');
    const noteMemory = `import { writeFileSync } from 'node:fs'; process.on('exit', () => writeFileSync(${JSON.stringify(note)}, String(process.resourceUsage().maxRSS)));`;
    const cli = new URL('../../dist/node/cli.js', import.meta.url).pathname;
    const folders = ['--out', workspace.path('out'), '--project', workspace.path('project')];
    const peak = async (): Promise<number> => {
      const hook = `data:text/javascript,${encodeURIComponent(noteMemory)}`;
      execFileSync(process.execPath, ['--import', hook, cli, 'publish', workspace.path('app'), ...folders]);
      return Number(await workspace.read('memory')) / 1024;
    };
    const small = await peak();
    const large = workspace.path('app/large.bin');
    writeFileSync(large, '');
    truncateSync(large, 256 * 2 ** 20);
    expect(await peak()).toBeLessThan(small + 64);
  });
});
