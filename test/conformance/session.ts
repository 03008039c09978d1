import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { serveFiles } from '../interop/file-server.js';
import { RepositorySimulator, signedPart } from '../repository-simulator.js';

/** The executable, as the conformance suite starts it. */
export const CLIENT = fileURLToPath(new URL('./client', import.meta.url));

/** How a run ended. */
export interface Ended {
  readonly code: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export function runProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Ended> {
  return new Promise((done) => {
    execFile(program, args, { env }, (error, stdout, stderr) => done({ code: error ? error.code : 0, stdout, stderr }));
  });
}

/** A folder of the test's own; removed when the test has finished. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-conformance-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A simulated repository behind a real server, and the folders of one client of it. */
export class Session {
  readonly repository: RepositorySimulator;
  readonly url: string;
  /** All that the client may write to lies in here. */
  readonly folder: string;
  readonly metadata: string;
  readonly targets: string;

  private constructor(repository: RepositorySimulator, url: string, folder: string) {
    this.repository = repository;
    this.url = url;
    this.folder = folder;
    this.metadata = join(folder, 'metadata');
    this.targets = join(folder, 'targets');
  }

  /** A repository with one release, and a client that has not been initialised yet. */
  static async make(): Promise<Session> {
    const repository = await RepositorySimulator.create();
    const server = await serveFiles((path) => {
      repository.requests.push(path);
      return repository.files.get(path);
    });
    onTestFinished(() => server.close());
    const session = new Session(repository, server.url, await temporaryFolder());
    await writeFile(session.trustedRoot, repository.root);
    return session;
  }

  /** The same, initialised. */
  static async initialised(): Promise<Session> {
    const session = await Session.make();
    await session.run('--metadata-dir', session.metadata, 'init', session.trustedRoot);
    return session;
  }

  /** The file with the trusted root that the client is initialised with. */
  get trustedRoot(): string {
    return join(this.folder, 'initial_root.json');
  }

  /** Runs the client at the repository's time. */
  run(...args: string[]): Promise<Ended> {
    // The system's clock, as far as the client can tell: `Date.now` is where it reads it.
    const clock = `--import=data:text/javascript,Date.now=()=>${this.repository.now}`;
    return runProgram(CLIENT, args, { ...process.env, NODE_OPTIONS: clock });
  }

  refresh(): Promise<Ended> {
    return this.run('--metadata-dir', this.metadata, '--metadata-url', `${this.url}metadata/`, 'refresh');
  }

  download(...paths: string[]): Promise<Ended> {
    const names = paths.flatMap((path) => ['--target-name', path]);
    const where = ['--metadata-url', `${this.url}metadata/`, '--target-base-url', `${this.url}targets/`];
    return this.run('--metadata-dir', this.metadata, '--target-dir', this.targets, ...where, ...names, 'download');
  }

  /** What the client asked for since the last call, without its folder for metadata. */
  asked(): string[] {
    return this.repository.requests.splice(0).map((path) => path.replace(/^\/metadata\//, ''));
  }

  /** The versions of the trusted metadata, by file name. */
  async versions(): Promise<Record<string, number>> {
    const names = (await readdir(this.metadata)).sort();
    const versions = names.map(async (name) => [name, signedPart(await readFile(join(this.metadata, name))).version as number]);
    return Object.fromEntries(await Promise.all(versions));
  }

  /** Everything in the folder, but for the trusted root: paths and contents. */
  async written(): Promise<Record<string, string>> {
    const entries = await readdir(this.folder, { recursive: true, withFileTypes: true });
    const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const texts = paths.filter((path) => path !== this.trustedRoot).map(async (path) => [path, await readFile(path, 'utf8')]);
    return Object.fromEntries((await Promise.all(texts)).map(([path, text]) => [path?.slice(this.folder.length + 1), text]));
  }

  /** What was downloaded: file names and contents. */
  async downloaded(): Promise<Record<string, string>> {
    const entries = Object.entries(await this.written());
    return Object.fromEntries(
      entries.filter(([path]) => !path.startsWith('metadata/')).map(([path, text]) => [path.slice(8), text]),
    );
  }
}
