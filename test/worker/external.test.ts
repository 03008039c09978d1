import 'fake-indexeddb/auto';
import { deleteDB } from 'idb';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { answer } from '../../src/worker/answerer.js';
import { RepositorySimulator, START } from '../repository-simulator.js';
import { fetchEvent, manifestWith, SCOPE, SimulatedBrowser } from './simulated-worker.js';

beforeEach(() => {
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
});
afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  await deleteDB(`vouchsafe ${SCOPE.href}`);
});

it.each(['script', 'style', 'worker'])(
  'a %s from elsewhere is our target when the manifest lists its URL, and refused when it does not',
  async (destination) => {
    const repository = await RepositorySimulator.create();
    const listed = 'https://cdn.test/lib.js?v=1';
    await repository.release({
      'vouchsafe.json': manifestWith({ external: { [listed]: 'vendor/lib.js', 'https://cdn.test/gone.js': 'vendor/gone.js' } }),
      'index.html': 'index',
      'vendor/lib.js': 'signed',
    });
    const parts = new SimulatedBrowser(repository).start();
    await parts.updates.update();
    const asked: string[] = [];
    vi.stubGlobal('fetch', async (request: Request) => {
      asked.push(request.url);
      return new Response('evil');
    });
    const get = async (url: string) => {
      const { event, done } = fetchEvent(url, { destination, mode: 'no-cors' });
      const said = await answer(event, parts).then(
        async (response) => `${response.headers.get('content-type')} ${await response.text()}`,
        ({ code }) => code as string,
      );
      await done();
      return said;
    };
    // From the store or from the repository, but not from there.
    expect(await get(listed)).toBe('text/javascript signed');
    for (const url of [
      'https://cdn.test/lib.js',
      'https://cdn.test/lib.js?v=2',
      'https://cdn.test/gone.js',
      'https://evil.test/lib.js?v=1',
    ]) {
      expect(await get(url), url).toBe('forbidden');
    }
    expect(asked).toEqual([]);
  },
);
