import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Violation, WorkerEvent } from '../../src/messages/messages.js';
import { type ErrorFacts, VouchsafeError } from '../../src/tuf/errors.js';
import { ViolationLog } from '../../src/worker/violation-log.js';

let stored: Violation[];
let events: WorkerEvent[];
let log: ViolationLog;

/** A log in a new life of the worker, on a store that keeps the newest hundred. */
const restarted = () =>
  new ViolationLog(
    {
      saveViolation: async (violation) => {
        stored = [...stored, violation].slice(-100);
      },
      loadViolations: async () => stored,
      unreported: async () => new Map(),
      markReported: async () => {},
    },
    async (event) => void events.push(event),
  );
const record = (facts: ErrorFacts = {}, during: Violation['during'] = 'request') =>
  log.record(new VouchsafeError('not-found', 'No such file.', facts), during);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  stored = [];
  events = [];
  log = restarted();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('ViolationLog', () => {
  test('records and tells', async () => {
    await record({ url: 'https://app.test/x' });
    expect(await log.list()).toMatchObject([{ code: 'not-found', facts: { url: 'https://app.test/x' }, during: 'request' }]);
    expect(events).toHaveLength(1);
  });

  test('the very same one counts once in ten seconds', async () => {
    await Promise.all([record({ url: 'a' }), record({ url: 'a' }), record({ url: 'b' }), record({ url: 'a' }, 'update')]);
    expect(stored).toHaveLength(3);
    expect(events).toHaveLength(4);
    vi.setSystemTime(Date.now() + 10_000);
    await record({ url: 'a' });
    expect(stored).toHaveLength(4);
  });

  test('what a page script has stored silences nothing: each life records the first of a kind', async () => {
    const forged: Violation = { code: 'not-found', message: '', facts: { url: 'a' }, time: Date.now(), during: 'request' };
    stored = Array.from({ length: 100 }, () => forged);
    await record({ url: 'a' });
    await record({ url: 'a' });
    expect(stored.filter((violation) => violation !== forged)).toMatchObject([{ message: 'No such file.', facts: { url: 'a' } }]);
  });

  test('a flood of one kind pushes nothing else out', async () => {
    await record({ path: 'app.js', url: 'first' });
    for (let life = 0; life < 8; life++) {
      log = restarted();
      await Promise.all(Array.from({ length: 50 }, (_, i) => record({ url: `https://app.test/${life}-${i}` })));
    }
    // In later lives the first one each.
    expect(stored).toHaveLength(1 + 25 + 7);
    // Nor does it hide what is of another kind, or comes later.
    await record({ path: 'style.css' });
    vi.setSystemTime(Date.now() + 3_600_000);
    await record({ url: 'later' });
    expect(stored.map(({ facts }) => facts.path ?? facts.url)).toEqual(expect.arrayContaining(['app.js', 'style.css', 'later']));
  });

  test('a store that fails loses nothing of this life', async () => {
    const fail = () => Promise.reject(new Error('no disk'));
    const store = { saveViolation: fail, loadViolations: fail, unreported: fail, markReported: fail };
    log = new ViolationLog(store, async () => {});
    await record({ url: 'a' });
    await record({ url: 'b' });
    expect(await log.list()).toHaveLength(2);
    // Reported from memory, each once.
    const unreported = await log.unreported();
    expect([...unreported.values()].map(({ facts }) => facts.url)).toEqual(['a', 'b']);
    await log.markReported([...unreported.keys()].slice(0, 1));
    expect([...(await log.unreported()).values()].map(({ facts }) => facts.url)).toEqual(['b']);
    expect(await log.list()).toHaveLength(2);
  });
});
