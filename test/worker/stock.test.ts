import { expect, it, vi } from 'vitest';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { Stock, type StockParts } from '../../src/worker/stock.js';

it('C8 what finds no room while room is being made for something else waits for it, too', async () => {
  const collect = vi.fn().mockResolvedValueOnce(true).mockResolvedValue(false);
  const stock = new Stock({ releases: { collect } } as unknown as StockParts, () => {});
  const full = new VouchsafeError('quota', 'full');
  const work = vi.fn().mockRejectedValueOnce(full).mockRejectedValueOnce(full).mockResolvedValue('stored');
  const works = [stock.makingRoom(work, 1), stock.makingRoom(work, 1)];
  await expect(Promise.all(works)).resolves.toEqual(['stored', 'stored']);
});
