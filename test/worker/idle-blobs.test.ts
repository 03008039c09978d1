import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { IdleBlobs } from '../../src/worker/idle-blobs.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const bytesOf = (text: string) => new TextEncoder().encode(text);

it('has a Blob of what was asked for once no request has come for a second, and not before', async () => {
  const blobs = new IdleBlobs();
  const bytes = bytesOf('a file');
  expect(blobs.of(bytes)).toBeUndefined();
  vi.advanceTimersByTime(900);
  // A page that is still loading puts it off.
  expect(blobs.of(bytesOf('another'))).toBeUndefined();
  vi.advanceTimersByTime(900);
  expect(blobs.of(bytes)).toBeUndefined();
  vi.advanceTimersByTime(1_000);
  expect(await blobs.of(bytes)?.text()).toBe('a file');
  expect(blobs.of(bytes)).toBe(blobs.of(bytes));
});

it('makes them a few at a time, all in the end', () => {
  const blobs = new IdleBlobs();
  const all = Array.from({ length: 50 }, (_, i) => bytesOf(`${i}`));
  const made = vi.spyOn(globalThis, 'Blob');
  for (const bytes of all) blobs.of(bytes);
  vi.advanceTimersByTime(1_000);
  expect(made.mock.calls.length).toBeLessThan(50);
  vi.runAllTimers();
  expect(made).toHaveBeenCalledTimes(50);
  made.mockRestore();
  for (const bytes of all) expect(blobs.of(bytes)).toBeDefined();
});

it('C7 knows bytes by the object that was checked: others with the same content, or for another file, have none', () => {
  const blobs = new IdleBlobs();
  const bytes = bytesOf('checked');
  blobs.of(bytes);
  vi.runAllTimers();
  expect(blobs.of(bytes)).toBeInstanceOf(Blob);
  expect(blobs.of(bytesOf('checked'))).toBeUndefined();
});

it('C7 is a copy: what anybody writes into the bytes afterwards is not in it', async () => {
  const blobs = new IdleBlobs();
  const bytes = bytesOf('checked');
  blobs.of(bytes);
  vi.runAllTimers();
  const blob = blobs.of(bytes);
  bytes.fill(0);
  expect(await blob?.text()).toBe('checked');
});

it('leaves large bodies to who keeps the worker running until they are read', () => {
  const blobs = new IdleBlobs();
  const bytes = new Uint8Array(2 ** 19);
  blobs.of(bytes);
  vi.runAllTimers();
  expect(blobs.of(bytes)).toBeUndefined();
});
