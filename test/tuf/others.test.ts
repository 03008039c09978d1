import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { Root } from '../../src/tuf/root.js';
import { Snapshot } from '../../src/tuf/snapshot.js';
import { Targets } from '../../src/tuf/targets.js';
import { Timestamp } from '../../src/tuf/timestamp.js';
import { refusal } from './refusal.js';

const REPOSITORIES = new URL('../../../shared/data/repositories/', import.meta.url);
const PARSERS = { root: Root, timestamp: Timestamp, snapshot: Snapshot, targets: Targets };
// They are kept beside the project, not in it; a clone without them has nothing to test here.
const reason = existsSync(REPOSITORIES) ? '' : ' (skipped: ../shared/data is not here)';

describe.skipIf(reason)(`the metadata of repositories that others made is read${reason}`, () => {
  for (const repository of ['sigstore', 'tuf-on-ci']) {
    test(repository, () => {
      const folder = new URL(`${repository}/metadata/`, REPOSITORIES);
      const refused: string[] = [];
      for (const name of readdirSync(folder)) {
        const bytes = readFileSync(new URL(name, folder));
        const type = JSON.parse(bytes.toString()).signed._type as keyof typeof PARSERS;
        try {
          expect(new PARSERS[type](bytes).bytes).toBe(bytes);
        } catch (error) {
          expect(error).toEqual(refusal('malformed'));
          refused.push(name);
        }
      }
      // Specification section 4.1: dates are "YYYY-MM-DDTHH:MM:SSZ". Sigstore's first three roots have fractions of a second and offsets.
      expect(refused.sort()).toEqual(repository === 'sigstore' ? ['1.root.json', '2.root.json', '3.root.json'] : []);
    });
  }
});
