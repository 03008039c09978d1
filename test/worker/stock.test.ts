import { expect, it, vi } from 'vitest';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { Stock, type StockParts } from '../../src/worker/stock.js';

const full = new VouchsafeError('quota', 'full');

/** @param forgotAt when files were last forgotten @param collect what there is to forget */
function stockOf(forgotAt: number, collect: (releases: { forgotAt: number }) => void = () => {}): Stock {
  const releases = { forgotAt, collect: async () => collect(releases) };
  return new Stock({ releases } as unknown as StockParts, () => {});
}

it('C8 what finds no room while room is being made for something else waits for it, too', async () => {
  const collect = vi.fn().mockImplementationOnce((releases) => {
    releases.forgotAt = performance.now();
  });
  const stock = stockOf(Number.NEGATIVE_INFINITY, collect);
  const work = vi.fn().mockRejectedValueOnce(full).mockRejectedValueOnce(full).mockResolvedValue('stored');
  const works = [stock.makingRoom(work, 1), stock.makingRoom(work, 1)];
  await expect(Promise.all(works)).resolves.toEqual(['stored', 'stored']);
});

it('C8 what finds no room just after a release went waits until the browser has counted that', async () => {
  const work = vi.fn().mockRejectedValueOnce(full).mockResolvedValue('stored');
  await expect(stockOf(performance.now() - 1000).makingRoom(work, 1)).resolves.toBe('stored');
});

it('C8 what finds no room, and nothing has gone for long, is not waited for', async () => {
  const work = vi.fn().mockRejectedValue(full);
  await expect(stockOf(performance.now() - 60_000).makingRoom(work, 60_000)).rejects.toBe(full);
  expect(work).toHaveBeenCalledTimes(1);
});
