import type { Evaluates } from './page-actions.js';

/** A minute of a tone, uncompressed: every engine plays and seeks in it. */
export function minuteOfTone(): Uint8Array {
  const rate = 22_050;
  const samples = 60 * rate;
  const bytes = Buffer.alloc(44 + 2 * samples);
  bytes.write('RIFF', 0);
  bytes.writeUInt32LE(36 + 2 * samples, 4);
  bytes.write('WAVEfmt ', 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rate, 24);
  bytes.writeUInt32LE(2 * rate, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36);
  bytes.writeUInt32LE(2 * samples, 40);
  for (let i = 0; i < samples; i++) bytes.writeInt16LE(Math.round(3000 * Math.sin(i / 20)), 44 + 2 * i);
  return bytes;
}

/**
 * Lets a page load a sound and seek in it.
 *
 * @param page an open page
 * @param url of the sound
 * @param to seconds
 * @returns its length and where it is then, in whole seconds, and in how many ranges it can be sought
 */
export function seek(page: Evaluates, url: string, to: number): Promise<number[]> {
  return page.evaluate(
    async ([source, time]) => {
      const audio = new Audio(source);
      const heard = (type: string) =>
        new Promise((resolve, reject) => {
          audio.addEventListener(type, resolve, { once: true });
          audio.addEventListener('error', () => reject(new Error(audio.error?.message)), { once: true });
        });
      audio.preload = 'auto';
      await heard('loadedmetadata');
      const arrived = heard('seeked');
      audio.currentTime = time;
      await arrived;
      return [Math.round(audio.duration), Math.round(audio.currentTime), audio.seekable.length];
    },
    [url, to] as const,
  );
}
