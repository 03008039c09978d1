import { join } from 'node:path';
import { METADATA_FOLDER, REPOSITORY_FOLDER, TARGETS_FOLDER, WORKER_SCRIPT } from '../release/config.js';
import { type Chunks, type HeaderRule, MANIFEST_PATH, parseManifest } from '../release/manifest.js';
import { isIndexedByName, packsOf } from '../release/packs.js';
import { type Expiry, nextRelease } from '../repository/release.js';
import { describe as describeBytes, type TargetFile } from '../tuf/file.js';
import { metadataName } from '../tuf/layout.js';
import { classicScripts } from './classic-scripts.js';
import { type DeliveryOptions, deliver } from './delivery.js';
import { writeDeltas } from './deltas.js';
import { ChunkHasher, describeFile, Utf8Detector } from './describe-file.js';
import { expiry } from './expiry.js';
import { resolveFolders } from './folders.js';
import { Output } from './output.js';
import { deleteOtherPacks, writePacks } from './packs.js';
import { type PreviousRelease, readPreviousRelease } from './previous-release.js';
import { loadSigners, openProject, type Project, projectFolders } from './project.js';
import { type PublishReport, report } from './publish-report.js';
import { contentType, extensionOf, releaseManifest } from './release-manifest.js';
import { targetFile } from './repository-directory.js';
import { type SourceFile, scanFolder } from './scan-folder.js';
import { selfCheck } from './self-check.js';
import { chunkLimit, type ServingConfig, servingWarnings } from './serving-config.js';
import { checkBase, checkMirrors, checkPassthrough, ownFiles } from './site.js';
import { warnings } from './warnings.js';

/** What to publish, and how. */
export interface PublishOptions extends DeliveryOptions, ServingConfig {
  /** Folder with the built app. */
  readonly directory: string;
  /** Folder to write: what gets deployed. Kept from one publish to the next. */
  readonly out: string;
  /** Project folder; `vouchsafe` by default. */
  readonly project?: string | undefined;
  /** Path that the site is deployed under, with a slash at both ends; `/` by default. */
  readonly base?: string | undefined;
  /** Target served for navigations to unlisted paths, or `false` for none. By default index.html when it is the only page. */
  readonly fallback?: string | false | undefined;
  /** Path prefixes that go to the network, for data (an API). */
  readonly passthrough?: readonly string[] | undefined;
  /**
   * Other servers that get a copy of the output: absolute URLs of the folder, with a trailing slash. They must let the site's origin read
   * (CORS). The worker asks them for what the site's own server does not have, or has wrong.
   */
  readonly mirrors?: readonly string[] | undefined;
  /** Response headers for the files that patterns name. */
  readonly headers?: readonly HeaderRule[] | undefined;
  /** How long the app may run without reaching the repository after its metadata has expired, in seconds. */
  readonly offlineSeconds?: number | undefined;
  /** Life of each role's metadata in seconds, where it differs from the default. */
  readonly expires?: Partial<Omit<Expiry, 'root'>> | undefined;
  /** Told how far it is. */
  readonly onProgress?: ((progress: PublishProgress) => void) | undefined;
  /** Clock, in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** Folder with the built worker and loader; the package's own by default. */
  readonly bundles?: string | undefined;
}

/** How far a publish is. */
export interface PublishProgress {
  readonly step: 'reading' | 'writing' | 'checking';
  /** Bytes done and to do in this step. */
  readonly bytes: number;
  readonly totalBytes: number;
}

/**
 * Signs a folder as the next release and writes a deployable site.
 *
 * Nothing that a browser acts on changes before two clients have accepted the release: the files of the app and the snapshot and targets
 * metadata are written first, under names that nobody asks for yet; then the self-check reads them, with the roots and the timestamp as they
 * will be; then follow the loader, the roots, the timestamp, and last the worker. Roots come that late because every refresh asks for the next one, and under one with other keys the previous release is no longer signed. What fails up to the self-check leaves the
 * previous release in place. Stopped after it, clients still get the previous release, unless a new root with other keys is out already
 * (written, or in the worker): those that have taken it refuse that release until the next publish, which goes on from there.
 *
 * @param options see there
 * @returns what was published
 * @throws `PublisherError` with any of its codes
 */
export async function publish(options: PublishOptions): Promise<PublishReport> {
  const clock = options.now ?? Date.now;
  // One moment for the whole publish, so that what is signed and what is checked agree.
  const now = clock();
  const base = checkBase(options.base ?? '/');
  const lives = expiry(options.expires);
  const folders = projectFolders(options.project);
  const { directory, out } = await resolveFolders(options.directory, options.out, folders.keys);
  const project = await openProject(folders, now);
  const signers = await loadSigners(project);

  const scan = await scanFolder(directory);
  const paths = scan.files.map(({ path }) => path);
  const passthrough = checkPassthrough(options.passthrough ?? [], base, paths);
  const reportOnly = options.reportOnly === true;
  const mirrors = checkMirrors(options.mirrors ?? []);
  const roots = [...project.roots.values()];
  const own = await ownFiles({ base, passthrough, mirrors, reportOnly, roots, bundles: options.bundles });
  const sources = describeSources(scan.files, chunkLimit(options), options.onProgress);
  const otherEncoding = sources.filter(({ isUtf8 }) => !isUtf8).map(({ target }) => target.path);
  const delivery = await deliver(scan.files, otherEncoding, own, options);
  const chunks = new Map(sources.flatMap(({ target, chunks }) => (chunks === undefined ? [] : [[target.path, chunks] as const])));
  const codeCache = await classicScripts(scan.files, base, options);
  const manifest = releaseManifest(paths, otherEncoding, options, delivery.rules, chunks, codeCache);
  const manifestTarget = { path: MANIFEST_PATH, ...(await describeBytes(manifest)) };
  const ownTargets = await Promise.all(
    delivery.targets.map(async ({ path, bytes }) => ({ bytes, target: { path, ...(await describeBytes(bytes)) } })),
  );
  const listed = [...sources.map(({ target }) => target), ...ownTargets.map(({ target }) => target), manifestTarget];
  const packs = packsOf(parseManifest(manifest), listed);

  const output = await Output.open(out);
  try {
    const previous = await readPreviousRelease(join(out, METADATA_FOLDER), project, now);
    const packTargets = await writePacks(output, packs, new Map(scan.files.map(({ path, file }) => [path, file])));
    const targets = [...listed, ...packTargets];
    const { changed: metadata } = await nextRelease(previous, targets, signers, lives, now, undefined, isIndexedByName);
    const timestamp = metadata.find(({ name }) => name === TIMESTAMP);

    await copyTargets(output, sources, options.onProgress);
    for (const { target, bytes } of ownTargets) await output.write(TARGETS_FOLDER + targetFile(target), bytes);
    await output.write(TARGETS_FOLDER + targetFile(manifestTarget), manifest);
    for (const { name, bytes } of metadata) if (name !== TIMESTAMP) await output.write(METADATA_FOLDER + name, bytes);
    await writeDeltas(output, metadata);
    // Before anything leads there: after a power cut, what a timestamp lists is on the disk.
    await output.flush();
    await check(out, project, previous, targets, timestamp?.bytes, now, options.onProgress);
    for (const { path, bytes } of delivery.site) if (path !== WORKER_SCRIPT) await output.write(path, bytes);
    await copyPlain(output, delivery.isPlain ? sources : sources.filter(({ target }) => codeCache.includes(target.path)));
    for (const [version, bytes] of project.roots) await output.write(METADATA_FOLDER + metadataName('root', version), bytes);
    if (timestamp !== undefined) await output.write(METADATA_FOLDER + TIMESTAMP, timestamp.bytes);
    // Pages lock when they find a worker script that no metadata lists, so it comes when the metadata is there.
    for (const { path, bytes } of delivery.site) if (path === WORKER_SCRIPT) await output.write(path, bytes);
    await deleteOtherPacks(output, packTargets);
    const notes = {
      skipped: scan.skipped,
      warnings: [...warnings(base, paths, options.headers ?? []), ...servingWarnings(paths, options), ...delivery.warnings],
    };
    return report({ out, now, lives, project, previous, metadata, targets: listed, written: output.written, ...notes });
  } finally {
    await output.close();
  }
}

const TIMESTAMP = metadataName('timestamp');

interface DescribedFile {
  readonly source: SourceFile;
  readonly target: TargetFile;
  readonly isUtf8: boolean;
  /** For a large file. */
  readonly chunks?: Chunks;
}

type OnProgress = PublishOptions['onProgress'];

function describeSources(files: readonly SourceFile[], chunkFrom: number, onProgress: OnProgress): DescribedFile[] {
  const step = progressOf(
    'reading',
    files.reduce((sum, { size }) => sum + size, 0),
    onProgress,
  );
  return files.map((source) => {
    const text = new Utf8Detector();
    const chunks = source.size >= chunkFrom && !isDocument(source.path) ? new ChunkHasher() : undefined;
    const digest = describeFile(source.file, (piece) => {
      text.see(piece);
      chunks?.see(piece);
      step(piece.length);
    });
    return { source, target: { path: source.path, ...digest }, isUtf8: text.end(), ...(chunks && { chunks: chunks.end() }) };
  });
}

/** An engine shows half a page, and runs its scripts, before the rest is found to be wrong: documents are verified whole. */
function isDocument(path: string): boolean {
  return /^(text\/html|application\/xhtml\+xml)(;|$)/.test(contentType(extensionOf(path)));
}

async function copyTargets(output: Output, files: readonly DescribedFile[], onProgress: OnProgress): Promise<void> {
  const step = progressOf(
    'writing',
    files.reduce((sum, { target }) => sum + target.length, 0),
    onProgress,
  );
  for (const { source, target } of files) {
    await output.add({ source: source.file, path: TARGETS_FOLDER + targetFile(target), digest: target });
    step(target.length);
  }
}

/** Files at their own URLs: for browsers without the worker, and for the worker where an engine asks for it. */
async function copyPlain(output: Output, files: readonly DescribedFile[]): Promise<void> {
  await output.replace(files.map(({ source, target }) => ({ source: source.file, path: source.path, digest: target })));
}

async function check(
  out: string,
  project: Project,
  previous: PreviousRelease | undefined,
  targets: readonly TargetFile[],
  timestamp: Uint8Array | undefined,
  now: number,
  onProgress: OnProgress,
): Promise<void> {
  const before = previous?.targets.files;
  const changed = targets.filter(({ path, hashes }) => before?.get(path)?.hashes.sha256 !== hashes.sha256);
  const step = progressOf(
    'checking',
    changed.reduce((sum, { length }) => sum + length, 0),
    onProgress,
  );
  const pending = new Map<string, Uint8Array>();
  for (const [version, bytes] of project.roots) pending.set(`metadata/${metadataName('root', version)}`, bytes);
  if (timestamp !== undefined) pending.set(`metadata/${TIMESTAMP}`, timestamp);
  const root = project.roots.get(1) as Uint8Array;
  await selfCheck({ repository: join(out, REPOSITORY_FOLDER), pending, root, targets, changed }, previous, () => now, step);
}

/** Counts bytes up for one step. */
function progressOf(step: PublishProgress['step'], totalBytes: number, onProgress: OnProgress): (count: number) => void {
  let bytes = 0;
  return (count) => {
    bytes += count;
    onProgress?.({ step, bytes, totalBytes });
  };
}
