import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeDelegations, describeHashBins } from '../../src/repository/delegation.js';
import type { Signer } from '../../src/repository/signer.js';
import { encodeJson, type JsonObject } from '../../src/tuf/json.js';
import { RepositorySimulator, testSigner } from '../repository-simulator.js';
import type { Json } from './mutations.js';

/** Real repositories, beside the project. A clone without them goes with what the simulator makes. */
const REPOSITORIES = '../shared/data/repositories';

/** Metadata of all roles, to start from: the simulator's, with every type of key and delegation, and that of real repositories. */
export async function corpus(signers: readonly Signer[]): Promise<Json[]> {
  const repository = await RepositorySimulator.create();
  await repository.rotate({ timestamp: [...signers] });
  await repository.publish();
  const definition = { keys: signers, threshold: 1 };
  const delegations = [
    describeDelegations([
      { ...definition, name: 'docs', paths: ['docs/*', 'docs/*/?.html'] },
      { ...definition, name: 'rest', paths: { hashPrefixes: ['0', 'ab', ''] }, isTerminating: true },
    ]),
    describeHashBins({ ...definition, namePrefix: 'bins', bitLength: 10 }),
  ];
  const made = [
    repository.root,
    ...(['timestamp', 'snapshot', 'targets'] as const).map((role) => repository.current(role)),
    ...(await Promise.all(delegations.map((field) => repository.forge('targets', { delegations: field })))),
  ];
  // The real ones are many and much alike, so that each of the others counts for some of them.
  return [...Array.from({ length: 6 }, () => made).flat(), ...realDocuments()].map(
    (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Json,
  );
}

/** The same release, whose parts a campaign signs itself: what a thief of the keys can serve. */
export async function stolenRepository(): Promise<RepositorySimulator> {
  const repository = await RepositorySimulator.create();
  const keys = [await testSigner(77)];
  const delegations = describeDelegations([{ name: 'docs', keys, threshold: 1, paths: ['docs/*'] }]);
  const docs: JsonObject = { ...JSON.parse(Buffer.from(repository.current('targets')).toString()).signed, targets: {} };
  await repository.serve({ targets: await repository.forge('targets', { delegations }) });
  repository.put('1.docs.json', encodeJson({ signatures: [], signed: docs }));
  return repository;
}

function realDocuments(): Uint8Array[] {
  if (!existsSync(REPOSITORIES)) return [];
  const names = readdirSync(REPOSITORIES, { recursive: true, encoding: 'utf8' });
  return names.filter((name) => /metadata.*\.json$/.test(name)).map((name) => readFileSync(join(REPOSITORIES, name)));
}
