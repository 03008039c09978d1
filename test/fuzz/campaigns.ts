import fc from 'fast-check';
import { type AnyCampaign, campaign } from './campaign.js';
import { World } from './client-model.js';
import { STEPS } from './client-steps.js';
import { corpus, stolenRepository } from './corpus.js';
import { jsonCampaigns } from './json-campaigns.js';
import { keyCampaigns, keySigners } from './key-campaigns.js';
import { metadataCampaigns } from './metadata-campaigns.js';
import { pathCampaigns } from './path-campaigns.js';

/** All campaigns. */
export async function allCampaigns(): Promise<AnyCampaign[]> {
  const documents = await corpus(keySigners);
  return [
    ...jsonCampaigns(documents),
    ...metadataCampaigns(documents, await stolenRepository()),
    ...keyCampaigns(documents),
    ...pathCampaigns(),
    campaign('client', fc.array(fc.oneof(...STEPS), { maxLength: 40 }), async (steps) => {
      const world = await World.create();
      for (const step of steps) await world.take(step);
      await world.take({ do: 'heal', replaced: 'timestamp' });
    }),
  ];
}

/** Four that misbehave, each in its way, to show that `npm run fuzz` notices. They only run when they are named. */
export const BROKEN: readonly AnyCampaign[] = [
  campaign('broken-throw', fc.nat(1_000), (input) => {
    if (input > 500) throw new TypeError('not a VouchsafeError');
  }),
  campaign('broken-hang', fc.nat(), () => {
    for (;;);
  }),
  campaign('broken-memory', fc.nat(), (input) => {
    const kept: number[][] = [];
    for (;;) kept.push(new Array(1_000_000).fill(input));
  }),
  campaign('broken-exit', fc.nat(), () => process.exit(3)),
];
