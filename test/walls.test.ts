import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const project = fileURLToPath(new URL('..', import.meta.url));
const bin = (name: string) => join(project, 'node_modules/.bin', name);
let copy: string;

/** What a command prints when it fails; undefined when it succeeds. */
async function failure(command: string, args: readonly string[]): Promise<string | undefined> {
  try {
    await run(command, args, { cwd: copy });
    return undefined;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
}

async function withFile<T>(folder: string, source: string, check: (file: string) => Promise<T>): Promise<T> {
  const file = join(copy, 'src', folder, 'tried.ts');
  await writeFile(file, source);
  try {
    return await check(file);
  } finally {
    await rm(file);
  }
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'vouchsafe-walls-'));
  for (const part of ['src', 'tsconfig.json', 'biome.json', 'package.json'])
    await cp(join(project, part), join(copy, part), { recursive: true });
  // Its own folder, so that the compiler's build information for the copy stays in the copy.
  await mkdir(join(copy, 'node_modules'));
  for (const name of await readdir(join(project, 'node_modules'))) {
    if (name !== '.cache') await symlink(join(project, 'node_modules', name), join(copy, 'node_modules', name));
  }
});

afterAll(() => rm(copy, { recursive: true, force: true }));

describe('the compiler refuses an import that goes up, and what a platform does not have', () => {
  const wrong: [folder: string, source: string][] = [
    ['tuf', "import { Store } from '../store/store.js'; export const x = Store;"],
    ['tuf', "import { signMetadata } from '../repository/sign.js'; export const x = signMetadata;"],
    ['tuf', "import { readFile } from 'node:fs'; export const x = readFile;"],
    ['tuf', 'export const x = document.title;'],
    ['tuf', 'export const x = indexedDB;'],
    ['tuf', 'export const x = process.env;'],
    ['repository', "import { parseManifest } from '../release/manifest.js'; export const x = parseManifest;"],
    ['repository', "import { publish } from '../node/publish.js'; export const x = publish;"],
    ['release', "import { Store } from '../store/store.js'; export const x = Store;"],
    ['release', 'export const x = fetch;'],
    ['store', "import { toRefusal } from '../worker/refusal.js'; export const x = toRefusal;"],
    ['worker', "import { register } from '../window/register.js'; export const x = register;"],
    ['worker', "import { publish } from '../node/publish.js'; export const x = publish;"],
    ['worker', 'export const x = document.title;'],
    ['window', "import { startWorker } from '../worker/start.js'; export const x = startWorker;"],
    ['window', "import { Store } from '../store/store.js'; export const x = Store;"],
    ['status', "import { startWorker } from '../worker/start.js'; export const x = startWorker;"],
    ['window', "import { duration } from '../status/words.js'; export const x = duration;"],
    ['node', "import { startWorker } from '../worker/start.js'; export const x = startWorker;"],
    ['node', 'export const x = document.title;'],
  ];
  for (const [folder, source] of wrong) {
    it(`${folder}: ${source.replace(/;.*/, '')}`, async () => {
      const printed = await withFile(folder, source, () => failure(bin('tsc'), ['--build', `src/${folder}`]));
      expect(printed).toContain('src/');
      expect(printed).toMatch(/tried\.ts.*error TS(6307|2307|2304|2584|2591|2580)/s);
    });
  }

  it('and nothing else', async () => {
    for (const folder of ['worker', 'window', 'status', 'node'])
      expect(await failure(bin('tsc'), ['--build', `src/${folder}`]), folder).toBeUndefined();
  });
});

describe('the linter refuses a package outside the one folder that imports it', () => {
  const tried: [folder: string, specifier: string, isAllowed: boolean][] = [
    ['tuf', '@noble/ed25519', true],
    ['repository', '@noble/ed25519', false],
    ['worker', '@noble/ed25519', false],
    ['store', 'idb', true],
    ['worker', 'idb', false],
    ['tuf', 'idb', false],
    ['worker', 'workbox-core/types.js', true],
    ['store', 'workbox-core/types.js', false],
    ['window', 'workbox-core', false],
    ['node', 'commander', true],
    ['release', 'commander', false],
    ['node', 'node:fs', true],
    ['window', 'anything-else', false],
    ['status', 'anything-else', false],
  ];
  for (const [folder, specifier, isAllowed] of tried) {
    it(`${folder}: ${specifier} is ${isAllowed ? 'allowed' : 'refused'}`, async () => {
      const printed = await withFile(folder, `import * as it from '${specifier}';\nexport const tried = it;\n`, (file) =>
        failure(bin('biome'), ['lint', '--vcs-enabled=false', file]),
      );
      if (isAllowed) expect(printed ?? '').not.toContain('noRestrictedImports');
      else expect(printed).toContain('noRestrictedImports');
    });
  }

  it('and import cycles', async () => {
    const cycle = "import { toHex } from './hex.js';\nexport const tried = toHex;\n";
    const printed = await withFile('tuf', cycle, async (file) => {
      const hex = join(copy, 'src/tuf/hex.ts');
      await writeFile(
        hex,
        `import { tried } from './tried.js';\nexport const toHex = () => tried;\nexport const fromHex = toHex;\n`,
      );
      return failure(bin('biome'), ['lint', '--vcs-enabled=false', file]);
    });
    expect(printed).toContain('noImportCycles');
  });
});
