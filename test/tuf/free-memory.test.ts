import { expect, test } from 'vitest';
import { freeMemory } from '../../src/tuf/free-memory.js';

test('what is freed is there no more, for any view of it', () => {
  for (let i = 0; i < 3; i++) {
    const bytes = new Uint8Array(1000).fill(7);
    const view = bytes.subarray(10, 20);
    freeMemory(view);
    expect([bytes.length, view.length]).toEqual([0, 0]);
    // Again, and of nothing: it is only memory.
    freeMemory(view);
  }
});

test('what others share is left as it is', () => {
  const bytes = Buffer.from('from the pool');
  freeMemory(bytes);
  expect(bytes.toString()).toBe('from the pool');
});
