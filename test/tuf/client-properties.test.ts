import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { World } from '../fuzz/client-model.js';
import { STEPS, type Step } from '../fuzz/client-steps.js';

// A killed process leaves its timers behind, which watch downloads that nobody waits for; with these they never run out.
beforeAll(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterAll(() => {
  vi.useRealTimers();
});

class StepCommand implements fc.AsyncCommand<object, World> {
  readonly #step: Step;
  constructor(step: Step) {
    this.#step = step;
  }
  check(): boolean {
    return true;
  }
  run(_model: object, world: World): Promise<void> {
    return world.take(this.#step);
  }
  toString(): string {
    return JSON.stringify(this.#step);
  }
}

test('in any order of publish, rotate, steal, replay, mix, expire, refresh, kill and heal, versions never go back and what is trusted existed together', async () => {
  const total = { trusted: 0, refused: 0, killed: 0 };
  const commands = STEPS.map((arbitrary) => arbitrary.map((step) => new StepCommand(step)));
  await fc.assert(
    fc.asyncProperty(fc.commands(commands, { maxCommands: 30, size: 'max' }), async (steps) => {
      const world = await World.create();
      await fc.asyncModelRun(() => ({ model: {}, real: world }), steps);
      await world.take({ do: 'heal', replaced: 'timestamp' });
      for (const outcome of ['trusted', 'refused', 'killed'] as const) total[outcome] += world.outcomes[outcome];
    }),
    { seed: 20_261_122, numRuns: 100 },
  );
  expect(Math.min(total.trusted, total.refused, total.killed)).toBeGreaterThan(15);
});
