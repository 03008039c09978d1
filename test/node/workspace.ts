import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { init } from '../../src/node/init.js';
import { readKeyFile, writeKeyFile } from '../../src/node/key-file.js';
import { type PublishOptions, publish } from '../../src/node/publish.js';
import type { PublishReport } from '../../src/node/publish-report.js';
import { directoryFetch, METADATA_URL, MemoryStore, TARGETS_URL } from '../../src/node/repository-directory.js';
import { MANIFEST_PATH, parseManifest, type ReleaseManifest } from '../../src/release/manifest.js';
import { nextRoot } from '../../src/repository/root.js';
import { ed25519Signer } from '../../src/repository/signer.js';
import { generateSeed } from '../../src/tuf/ed25519-sign.js';
import type { TrustedMetadata } from '../../src/tuf/trusted-metadata.js';
import { Updater } from '../../src/tuf/updater.js';

export const DAY = 24 * 60 * 60 * 1000;

/** Targets of every release that are no files of the app, besides the manifest: our scripts, the loader page and the status page. */
export const OWN_TARGETS = 4;

/** A folder of the test's own, with an app to publish in it; removed when the test has finished. */
export class Workspace {
  readonly folder: string;
  /** Milliseconds since 1970; moved by tests. */
  now = Date.parse('2030-01-01T00:00:00Z');

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(
    files: Record<string, string | Uint8Array> = { 'index.html': '<h1>App</h1>', 'app.js': 'run()' },
  ): Promise<Workspace> {
    const workspace = new Workspace(await realpath(await mkdtemp(join(tmpdir(), 'vouchsafe-node-'))));
    onTestFinished(() => rm(workspace.folder, { recursive: true, force: true }));
    await workspace.write('app', files);
    // Stand-ins: what the worker and the loader do is tested in browsers.
    await workspace.write('bundles', {
      'worker.js': 'worker()',
      'loader.js': 'loader()',
      'loader.html': '<p data-base="__BASE__">Loading</p>',
      'status.html': '<style>p{}</style><script>status()</script>',
    });
    return workspace;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  async write(folder: string, files: Record<string, string | Uint8Array>): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const file = this.path(folder, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    }
  }

  read(path: string): Promise<string> {
    return readFile(this.path(path), 'utf8');
  }

  init(options: Parameters<typeof init>[0] = {}): ReturnType<typeof init> {
    return init({ project: this.path('project'), now: () => this.now, ...options });
  }

  publish(options: Partial<PublishOptions> = {}): Promise<PublishReport> {
    return publish({
      directory: this.path('app'),
      out: this.path('out'),
      project: this.path('project'),
      bundles: this.path('bundles'),
      now: () => this.now,
      ...options,
    });
  }

  /** Makes a project and publishes its first release. */
  async published(options: Partial<PublishOptions> = {}): Promise<PublishReport> {
    await this.init();
    return this.publish(options);
  }

  /** A client that reads the output; without a store a fresh one. */
  client(store = new MemoryStore()): Promise<Updater> {
    return clientOf(this.path('out'), store, () => this.now);
  }

  /** The release manifest as a client reads it. */
  async manifest(): Promise<ReleaseManifest> {
    return parseManifest(await this.target(MANIFEST_PATH));
  }

  /** A target's bytes as a client gets them. */
  async target(path: string): Promise<Uint8Array> {
    const client = await this.client();
    const target = await client.findTarget(path);
    if (!target) throw new Error(`There is no target ${path}.`);
    return client.downloadTarget(target);
  }

  async refresh(store?: MemoryStore): Promise<TrustedMetadata> {
    return (await this.client(store)).refresh();
  }

  /** Every file under a folder with what tells whether it was written again. */
  async snapshot(folder = 'out'): Promise<Record<string, { ino: bigint; mtimeNs: bigint; ctimeNs: bigint }>> {
    const entries: [string, { ino: bigint; mtimeNs: bigint; ctimeNs: bigint }][] = [];
    for (const path of await this.list(folder)) {
      const { ino, mtimeNs, ctimeNs } = await stat(this.path(folder, path), { bigint: true });
      entries.push([path, { ino, mtimeNs, ctimeNs }]);
    }
    return Object.fromEntries(entries);
  }

  async list(folder = 'out'): Promise<string[]> {
    const entries = await readdir(this.path(folder), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory());
    return files.map((entry) => join(entry.parentPath, entry.name).slice(this.path(folder).length + 1)).sort();
  }
}

/** A client of a published folder, which starts from the first root found there. */
export async function clientOf(out: string, store: MemoryStore, now: () => number): Promise<Updater> {
  const root = await readFile(join(out, 'vouchsafe/metadata/1.root.json'));
  const fetch = directoryFetch(join(out, 'vouchsafe'));
  return new Updater({ root, store, fetch, metadataUrl: METADATA_URL, targetsUrl: TARGETS_URL, now });
}

/**
 * Gives the project a second root, with another timestamp key.
 *
 * @param workspace with a project that was made by `init`
 * @returns the new root
 */
export async function rotate(workspace: Workspace): Promise<Uint8Array> {
  const seed = generateSeed();
  const next = await ed25519Signer(seed);
  await rm(workspace.path('project/keys/timestamp-1.json'));
  await writeKeyFile(workspace.path('project/keys/timestamp-2.json'), seed, next.keyid);
  const rootSigner = await ed25519Signer(await readKeyFile(workspace.path('project/keys/root-1.json')));
  const first = await readFile(workspace.path('project/root/1.root.json'));
  const bytes = await nextRoot(first, { timestamp: { keys: [next], threshold: 1 } }, [rootSigner], workspace.now + 365 * DAY);
  await workspace.write('project/root', { '2.root.json': bytes });
  return bytes;
}
