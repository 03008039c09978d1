import { createHash } from 'node:crypto';
import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FIXTURE_APP } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { minuteOfTone, seek } from './media.js';
import { expectViolation, openApp, statusOf, stopWorker, storedPacks, update, wipeStoredFiles } from './page-actions.js';

const CHUNK = 2 ** 18;

/** Bytes that do not repeat, so that a wrong piece is seen. */
function distinct(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0, state = 1; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

interface Answer {
  status: number;
  range: string | null;
  length: string | null;
  tag: string | null;
  bytes: number[];
}

test('C5 ranges of small and of large files are answered with verified bytes, and media seeks', async ({
  page,
  publishSite,
  folder,
}) => {
  const directory = join(folder, 'app');
  await cp(FIXTURE_APP, directory, { recursive: true });
  const large = distinct(3 * CHUNK * 2 + 1234);
  const small = distinct(1000);
  await writeFile(join(directory, 'large.bin'), large);
  await writeFile(join(directory, 'small.bin'), small);
  await writeFile(join(directory, 'tone.wav'), minuteOfTone());
  const site = await publishSite(directory, {
    files: [
      { path: '*.bin', keep: 'on-demand', optional: false },
      { path: '*.wav', keep: 'on-demand', optional: false },
    ],
  });
  await openApp(page, site.url);
  // Kept when it is used, not before.
  expect(site.server.paths().filter((path) => /\.(bin|wav)$/.test(path))).toEqual([]);

  const ask = (path: string, headers: Record<string, string>, method = 'GET'): Promise<Answer> =>
    page.evaluate(
      async ([url, sent, how]) => {
        const response = await fetch(url as string, { headers: sent as Record<string, string>, method: how as string });
        const bytes = new Uint8Array(await response.arrayBuffer());
        // Of what is long, the ends say enough.
        const ends = bytes.length > 200 ? [...bytes.subarray(0, 100), ...bytes.subarray(-100)] : [...bytes];
        const { status, headers: got } = response;
        return { status, range: got.get('content-range'), length: got.get('content-length'), tag: got.get('etag'), bytes: ends };
      },
      [path, headers, method] as const,
    );
  const part = (all: Uint8Array, start: number, end: number): number[] => {
    const bytes = [...all.subarray(start, end + 1)];
    return bytes.length > 200 ? [...bytes.slice(0, 100), ...bytes.slice(-100)] : bytes;
  };
  for (const [path, all] of [
    ['small.bin', small],
    ['large.bin', large],
  ] as const) {
    const last = all.length - 1;
    const { tag } = await ask(path, {});
    expect(tag, path).toMatch(/^"[0-9a-f]+"$/);
    const partly = (start: number, end: number) => ({
      status: 206,
      range: `bytes ${start}-${end}/${all.length}`,
      length: String(end + 1 - start),
      tag,
      bytes: part(all, start, end),
    });
    const whole = { status: 200, range: null, length: String(all.length), tag, bytes: part(all, 0, last) };
    expect(await ask(path, { range: 'bytes=10-19' }), path).toEqual(partly(10, 19));
    expect(await ask(path, { range: 'bytes=-7' }), path).toEqual(partly(last - 6, last));
    expect(await ask(path, { range: `bytes=${last - 20}-` }), path).toEqual(partly(last - 20, last));
    // Beyond the end: up to the end.
    expect(await ask(path, { range: `bytes=500-${last + 99}` }), path).toEqual(partly(500, last));
    expect(await ask(path, { range: `bytes=${last + 1}-` }), path).toMatchObject({ status: 416, range: `bytes */${all.length}` });
    // A server may answer with the whole file, and does where the request is for more than one part or for another version.
    expect(await ask(path, { range: 'bytes=0-1,5-6' }), path).toEqual(whole);
    expect(await ask(path, { range: 'bytes=10-19', 'if-range': '"another"' }), path).toEqual(whole);
    // The rest of what somebody has the beginning of, if it is still the same.
    expect(await ask(path, { range: 'bytes=10-19', 'if-range': `${tag}` }), path).toEqual(partly(10, 19));
    expect(await ask(path, { range: `bytes=${last + 1}-`, 'if-range': '"another"' }), path).toEqual(whole);
    expect(await ask(path, {}), path).toEqual(whole);
    expect(await ask(path, {}, 'HEAD'), path).toEqual({ ...whole, bytes: [] });
    // Ranges are for GET alone (RFC 9110, 14.2).
    for (const range of ['bytes=10-19', `bytes=${last + 1}-`])
      expect(await ask(path, { range }, 'HEAD'), path).toEqual({ ...whole, bytes: [] });
    const since = site.server.requests.length;
    await expect(ask(path, {}, 'POST'), path).rejects.toThrow();
    await expectViolation(page, {
      code: 'forbidden',
      during: 'request',
      facts: { url: site.url + path, actual: expect.stringMatching(/^POST/) },
    });
    expect(requestsPastTheWorker(site, since)).toEqual([]);
    expect(await ask(path, {}), path).toEqual(whole);
  }
  // Across the border of two chunks.
  expect(await ask('large.bin', { range: `bytes=${CHUNK - 5}-${CHUNK + 4}` })).toMatchObject({
    status: 206,
    bytes: part(large, CHUNK - 5, CHUNK + 4),
  });

  expect(await seek(page, 'tone.wav', 50)).toEqual([60, 50, 1]);

  // Stored by now: offline, and by a worker that has just started.
  await site.server.goOffline();
  await stopWorker(page);
  expect(await seek(page, 'tone.wav', 50)).toEqual([60, 50, 1]);
  expect(await ask('large.bin', { range: 'bytes=-5' })).toMatchObject({
    status: 206,
    bytes: part(large, large.length - 5, large.length - 1),
  });
  await site.server.goOnline();
  expect((await statusOf(page)).violations.filter(({ during }) => during !== 'request')).toEqual([]);
});

test('C5 of a large file that the server altered, what comes before the altered chunk comes, and not one byte of that', async ({
  page,
  publishSite,
  folder,
}) => {
  const directory = join(folder, 'app');
  await cp(FIXTURE_APP, directory, { recursive: true });
  const large = distinct(8 * CHUNK);
  await writeFile(join(directory, 'large.bin'), large);
  const site = await publishSite(directory);
  await openApp(page, site.url);
  site.server.lie({ match: targetFile('large.bin'), flip: 'middle' });
  await wipeStoredFiles(page);
  const read = () =>
    page.evaluate(async () => {
      const response = await fetch('large.bin');
      const reader = response.body?.getReader();
      let length = 0;
      try {
        for (;;) {
          const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
          if (done) return ['whole', length];
          length += value?.length ?? 0;
        }
      } catch {
        return ['broken off', length];
      }
    });
  const [end, length] = await read();
  expect(end).toBe('broken off');
  expect(length).toBeLessThanOrEqual(4 * CHUNK);
  await expectViolation(page, {
    code: 'mismatch',
    during: 'request',
    facts: { path: 'large.bin', diagnosis: 'unknown bytes' },
  });
  site.server.honest();
  expect(await read()).toEqual(['whole', large.length]);

  // The next release's file is the last one's, or the login page of a network, whatever part is asked for.
  const old = join(folder, 'old');
  await cp(site.out, old, { recursive: true });
  const next = large.map((byte, i) => (i < 6 * CHUNK ? byte : byte ^ 1));
  await writeFile(join(directory, 'large.bin'), next);
  await site.publish(directory);
  const refused = (diagnosis: string) => ({
    outcome: 'failed',
    refusal: { code: 'mismatch', facts: { path: 'large.bin', diagnosis } },
  });
  site.server.lie({ match: targetFile('large.bin'), from: old });
  expect(await update(page)).toMatchObject(refused('older release'));
  site.server.honest();
  const login = '<!doctype html><form method="post"><input type="password"></form>';
  site.server.lie({ match: targetFile('large.bin'), body: login, type: 'text/html' });
  expect(await update(page)).toMatchObject(refused('login page'));
  await expectViolation(page, { code: 'mismatch', during: 'update', facts: { path: 'large.bin', diagnosis: 'login page' } });
  site.server.honest();
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
});

test('C7 each byte of a large file is the signed one, however it is read: the memory of a chunk is freed once the engine has copied it, not before', async ({
  page,
  publishSite,
  folder,
}) => {
  const directory = join(folder, 'app');
  await cp(FIXTURE_APP, directory, { recursive: true });
  const large = distinct(24 * CHUNK + 77);
  await writeFile(join(directory, 'large.bin'), large);
  const site = await publishSite(directory, { files: [{ path: '*.bin', keep: 'on-demand', optional: false }] });
  await openApp(page, site.url);
  const hash = createHash('sha256').update(large).digest('hex');
  const readAll = () =>
    page.evaluate(async () => {
      const hex = async (bytes: Uint8Array<ArrayBuffer>) =>
        [...new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))]
          .map((byte) => byte.toString(16).padStart(2, '0'))
          .join('');
      const ask = () => fetch('large.bin', { cache: 'no-store' });
      const atOnce = async (response: Response) => hex(new Uint8Array(await response.arrayBuffer()));
      /** Hardly reads: works on each piece before it asks for the next. */
      const slowly = async (response: Response) => {
        const pieces: Uint8Array<ArrayBuffer>[] = [];
        const reader = response.body?.getReader();
        for (let read = await reader?.read(); read?.value; read = await reader?.read()) {
          pieces.push(read.value);
          for (let i = 0; i < 20; i++) await crypto.subtle.digest('SHA-512', read.value);
        }
        return hex(new Uint8Array(await new Blob(pieces).arrayBuffer()));
      };
      const response = await ask();
      const later = response.clone();
      const first = await atOnce(response);
      return [first, await atOnce(later), ...(await Promise.all([slowly(await ask()), atOnce(await ask()), slowly(await ask())]))];
    });
  const expected = Array.from({ length: 5 }, () => hash);
  // From the network, then as it is stored, then as a clean-up has put it together, by a worker that has just started.
  expect(await readAll()).toEqual(expected);
  const stored = await storedPacks(page);
  expect(stored.inBlobs).toBeGreaterThanOrEqual(large.length);
  expect(await readAll()).toEqual(expected);
  await writeFile(join(directory, 'data.json'), '"next"');
  await site.publish(directory, { files: [{ path: '*.bin', keep: 'on-demand', optional: false }] });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  await expect.poll(async () => (await storedPacks(page)).blobs).toBeLessThan(stored.blobs / 2);
  await site.server.goOffline();
  await stopWorker(page);
  expect(await readAll()).toEqual(expected);
  await site.server.goOnline();
  expect((await statusOf(page)).violations.filter(({ during }) => during !== 'request')).toEqual([]);
});
