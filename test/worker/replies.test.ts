import { expect, test } from 'vitest';
import type { Refusal, Violation, WorkerEvent } from '../../src/messages/messages.js';
import { type ReplyParts, replyTo } from '../../src/worker/replies.js';
import { ViolationLog } from '../../src/worker/violation-log.js';

test('a page script’s reports lock no page, and push no violation out', async () => {
  const stored: Violation[] = [];
  const events: WorkerEvent[] = [];
  const violations = new ViolationLog(
    {
      saveViolation: async (violation) => void stored.push(violation),
      loadViolations: async () => stored,
      unreported: async () => new Map(),
      markReported: async () => {},
    },
    async (event) => void events.push(event),
  );
  const report = (refusal: Refusal) => replyTo({ vouchsafe: 'report', refusal }, 'page', { violations } as ReplyParts, () => {});

  // Pages lock when they hear of this.
  const replaced = { code: 'verifier-replaced', message: 'Not true.', facts: {} } as const;
  expect(await report(replaced)).toMatchObject({ ok: false, refusal: { code: 'unsupported' } });
  expect(events).toEqual([]);

  // The log counts violations by path and role.
  for (let i = 0; i < 60; i++)
    expect(await report({ code: 'uncontrolled', message: '', facts: { url: `u${i}`, path: `p${i}`, role: `r${i}` } })).toEqual({
      ok: true,
      value: null,
    });
  expect(stored).toHaveLength(25);
  expect(stored[0]?.facts).toEqual({ url: 'u0' });
});
