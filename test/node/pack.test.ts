import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryStore } from '../../src/node/repository-directory.js';
import { type PackedApp, packedApp } from '../pack/packed-app.js';
import { clientOf } from './workspace.js';

// Every entry, used as its readers use it.
const USES: Record<string, string> = {
  'page.ts': `import { type RegisterOptions, type Vouchsafe, register } from 'vouchsafe';
const options: RegisterOptions = { scope: '/' };
const vouchsafe: Vouchsafe = await register(options);
vouchsafe.addEventListener('violation', ({ detail }) => console.log(detail.code satisfies string, detail.facts.expected));
vouchsafe.addEventListener('state', ({ detail }) => console.log(detail));
const { root, active } = await vouchsafe.status();
console.log(root?.version.toFixed(), active?.id);
// @ts-expect-error there is no such option
register({ scpoe: '/' });
`,
  'tuf.ts': `import { type MetadataStore, type TargetFile, Updater, VouchsafeError } from 'vouchsafe/tuf';
export async function read(root: Uint8Array, store: MetadataStore, path: string): Promise<Uint8Array | undefined> {
  const urls = { metadataUrl: 'https://example.org/metadata/', targetsUrl: 'https://example.org/targets/' };
  try {
    // The platform's own fetch is one that the client takes.
    const updater = new Updater({ root, store, fetch, ...urls });
    const target: TargetFile | undefined = await updater.findTarget(path);
    return target && (await updater.downloadTarget(target));
  } catch (error) {
    if (error instanceof VouchsafeError && error.code === 'expired') return undefined;
    throw error;
  }
}
`,
  'worker.ts': `import * as worker from 'vouchsafe/worker';
export const names: string[] = Object.keys(worker);
`,
  'vite.config.ts': `import { vouchsafe } from 'vouchsafe/vite';
import { defineConfig } from 'vite';
export default defineConfig({ plugins: [vouchsafe({ out: 'out', passthrough: ['/api/'], headers: [{ path: '**', set: { 'x-a': 'b' } }] })] });
`,
};

describe('the package as npm installs it', { timeout: 60_000 }, () => {
  let app: PackedApp;
  beforeAll(async () => {
    app = await packedApp();
  }, 180_000);
  afterAll(() => app?.remove());

  test('three lines in a fresh Vite app make a site that a client accepts', async () => {
    const client = await clientOf(app.out, new MemoryStore(), Date.now);
    const { targets } = await client.refresh();
    const paths = [...(targets?.files.keys() ?? [])].map((path) => path.replace(/-[\w-]{8}\./, '.'));
    expect(paths).toEqual(expect.arrayContaining(['index.html', 'vouchsafe.json', 'assets/index.js', 'assets/lazy.js']));
    for (const target of targets?.files.values() ?? []) await client.downloadTarget(target);
    expect(await readFile(join(app.out, 'vouchsafe-worker.js'), 'utf8')).toContain('"passthrough":[]');
  });

  test('has a worker script that imports nothing: there is nothing else to vet', async () => {
    const script = await readFile(join(app.folder, 'node_modules/vouchsafe/dist/bundles/worker.js'), 'utf8');
    expect(script).toContain('"fetch"');
    expect(script).not.toMatch(/importScripts|\bimport\b/);
  });

  test('holds what is needed and nothing that is not', async () => {
    const files = await readdir(join(app.folder, 'node_modules/vouchsafe'), { recursive: true });
    const needed = [
      'README.md',
      'LICENSE',
      'dist/bundles/worker.js',
      'dist/bundles/loader.js',
      'dist/bundles/loader.html',
      'dist/node/cli.js',
    ];
    expect(needed.filter((file) => !files.includes(file))).toEqual([]);
    expect(files.filter((file) => /(^|\/)(src|test|demo|keys|\.ci|node_modules)(\/|$)|\.tsbuildinfo$/.test(file))).toEqual([]);
  });

  test.each([
    ['vouchsafe/tuf', 'Updater'],
    ['vouchsafe/vite', 'vouchsafe'],
  ])('%s loads in Node', async (entry, name) => {
    expect(
      await app.run(process.execPath, '-e', `import(${JSON.stringify(entry)}).then((entry) => console.log(typeof entry.${name}))`),
    ).toBe('function\n');
  });

  test.each(['vouchsafe', 'vouchsafe/worker'])('%s resolves', async (entry) => {
    // What it does needs a browser.
    expect(
      await app.run(process.execPath, '-e', `console.log(import.meta.resolve(${JSON.stringify(entry)}))`, '--input-type=module'),
    ).toContain('node_modules/vouchsafe/dist/');
  });

  test('nothing else of it can be imported', async () => {
    await expect(app.run(process.execPath, '-e', `import('vouchsafe/dist/node/publish.js')`)).rejects.toThrow(
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    );
  });

  test('the command runs', async () => {
    expect(await app.run('npx', '--no-install', 'vouchsafe', '--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  describe.each(['bundler', 'nodenext'])('type-checks with moduleResolution %s', (moduleResolution) => {
    test.each([
      ['page and tuf', ['page.ts', 'tuf.ts'], ['es2022', 'dom'], []],
      ['worker and tuf', ['worker.ts', 'tuf.ts'], ['es2022', 'webworker'], []],
      ['vite', ['vite.config.ts'], ['es2022', 'dom'], ['node']],
    ])('%s', async (name, files, lib, types) => {
      for (const file of files) await writeFile(join(app.folder, file), USES[file] as string);
      const compilerOptions = {
        lib,
        types,
        moduleResolution,
        module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
        target: 'es2022',
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        // Our declarations are checked too; Vite's are not our business.
        skipLibCheck: name === 'vite',
      };
      await writeFile(join(app.folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      await app.run('npx', '--no-install', 'tsc', '-p', '.');
    });
  });
});
