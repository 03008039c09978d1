import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkFile, describe as describeBytes } from '../../src/tuf/file.js';

// The platform's hashes against an implementation that shares no code with it.
describe('length and hashes', () => {
  it('are what another implementation computes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await describeBytes(bytes)).toEqual({ length: bytes.length, hashes: { sha256: bytesToHex(sha256(bytes)) } });
        await checkFile(bytes, { length: bytes.length, hashes: { sha512: bytesToHex(sha512(bytes)) } }, {});
      }),
    );
  });

  it('A1 must all fit: one wrong hash beside a right one is refused', async () => {
    const bytes = new TextEncoder().encode('signed');
    const right = { sha256: bytesToHex(sha256(bytes)), sha512: bytesToHex(sha512(bytes)) };
    await checkFile(bytes, { length: 6, hashes: right }, {});
    for (const wrong of [
      { length: 5, hashes: right },
      { length: 6, hashes: { ...right, sha256: '0'.repeat(64) } },
      { length: 6, hashes: { ...right, sha512: '0'.repeat(128) } },
    ]) {
      await expect(checkFile(bytes, wrong, { path: 'x' })).rejects.toMatchObject({ code: 'mismatch', facts: { path: 'x' } });
    }
  });
});
