/** What is sent here has no receiver and is dropped, with its memory. Made when first needed: nothing at top level may throw. */
let nowhere: InstanceType<typeof MessageChannel>['port1'] | undefined;

/**
 * Frees a buffer at once instead of at the next garbage collection, which engines put off: 200 MiB that go through a worker would be 80 MiB of
 * garbage at a time. It is given away, so every view of it has length 0 afterwards. `ArrayBuffer.prototype.transfer` would not do: in Chromium what the
 * engine's digests, streams and requests have seen keeps its memory all the same.
 *
 * A buffer that is freed is never used again for other bytes: who still had it would find nothing, and never what nobody checked.
 *
 * @param bytes a view of the buffer; nobody may need any of it any more. What cannot be given away is left to the garbage collection
 */
export function freeMemory({ buffer }: Uint8Array): void {
  try {
    if (!nowhere) {
      const { port1, port2 } = new MessageChannel();
      port2.close();
      nowhere = port1;
    }
    nowhere.postMessage(null, [buffer]);
  } catch {
    // It is only memory.
  }
}
