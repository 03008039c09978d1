import { expect, it } from 'vitest';
import { answer } from '../../src/worker/answerer.js';
import type { ReplyParts } from '../../src/worker/replies.js';
import { fetchEvent, simulatedApp } from './simulated-worker.js';

const app = simulatedApp();

/** The bytes of a script as a reader in the worker gets them, which are not copied once more. */
async function read(parts: ReplyParts): Promise<Uint8Array | undefined> {
  const { event, done } = fetchEvent('shared.js');
  const response = await answer(event, parts);
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  await reader?.read();
  await done();
  return value;
}

it('the engine, when nobody else reads answers, gets what is held in memory and no copy', async () => {
  const parts = { ...app.browser.start(), readers: 'engine' } as const;
  const [first, second] = [await read(parts), await read(parts)];
  expect(new TextDecoder().decode(first)).toBe('shared');
  expect(second?.buffer).toBe(first?.buffer);
});
