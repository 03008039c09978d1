import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ReplyParts } from '../../src/worker/replies.js';
import { clientWatch } from '../../src/worker/watch-clients.js';
import { SCOPE } from './simulated-worker.js';

const page = (id: string, url = SCOPE.href) => ({ id, url });

let registration: { scope: string; active: object };
const record = vi.fn(async (_error: unknown, _during: string) => {});
const report = vi.fn(async () => {});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  registration = { scope: SCOPE.href, active: {} };
  for (const each of [record, report]) each.mockClear();
});
afterEach(() => void vi.useRealTimers());

/** Looks once; the browser answers the three questions with these lists. */
async function look(lists: (() => readonly { id: string; url: string }[])[], watch = watchOf(lists)): Promise<void> {
  const looked = watch();
  await vi.advanceTimersByTimeAsync(1_000);
  await looked;
}
function watchOf(lists: (() => readonly { id: string; url: string }[])[]) {
  let asked = 0;
  const parts = { registration, violations: { record }, report } as unknown as ReplyParts;
  return clientWatch(parts, { matchAll: async () => lists[asked++ % lists.length]?.() ?? [] });
}

test('C12 a page under the scope that the worker does not control is reported, once', async () => {
  const ours = () => [page('ours')];
  const lists = [ours, () => [page('ours'), page('theirs', `${SCOPE.href}shop`), page('far', 'https://elsewhere.test/')], ours];
  const watch = watchOf(lists);
  await look(lists, watch);
  await look(lists, watch);
  expect(record.mock.calls).toMatchObject([
    [{ code: 'uncontrolled', facts: { url: `${SCOPE.href}shop`, actual: 'no controller' } }, 'watch'],
  ]);
  expect(report).toHaveBeenCalledTimes(1);
});

test.each([
  ['closed meanwhile', [() => [page('one')], () => [page('one')], () => []]],
  ['opened meanwhile', [() => [], () => [page('one')], () => [page('one')]]],
])('a page that is %s is none', async (_, lists) => {
  await look(lists);
  expect(record).not.toHaveBeenCalled();
});

test('when another worker has taken over meanwhile, its pages are none', async () => {
  const takenOver = () => {
    registration.active = {};
    return [];
  };
  await look([takenOver, () => [page('one')], takenOver]);
  expect(record).not.toHaveBeenCalled();
});

test('a browser that does not list its clients stops nothing', async () => {
  const refuse = () => {
    throw new Error('no list');
  };
  await look([refuse, refuse, refuse]);
  expect(record).not.toHaveBeenCalled();
});
