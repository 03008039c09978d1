import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { init } from '../node/init.js';
import { type PublishOptions, publish } from '../node/publish.js';
import { buildApp } from './build-demo.js';

/**
 * The signed headers of the demo's files: a Content-Security-Policy that a server can neither drop nor weaken. The console, on another
 * port, shows the app in a frame.
 */
const HEADERS: NonNullable<PublishOptions['headers']> = [
  { path: '**', set: { 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' } },
  {
    path: '**/*.html',
    set: {
      'content-security-policy':
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; frame-ancestors 'self' http://localhost:*",
    },
  },
];

/** The demo's folder: keys, the published releases, and what an attacker may have kept of them. */
export class DemoSite {
  readonly #folder: string;
  #release: number;

  private constructor(folder: string, release: number) {
    this.#folder = folder;
    this.#release = release;
  }

  /** The published directory. */
  get out(): string {
    return join(this.#folder, 'out');
  }

  /** The directory as it was before the last release: what an attacker replays. */
  get previous(): string {
    return join(this.#folder, 'previous');
  }

  /** A directory whose timestamp the demo's keys signed for one second, which is over. */
  get expired(): string {
    return join(this.#folder, 'expired');
  }

  /** Number of the newest release. */
  get release(): number {
    return this.#release;
  }

  /**
   * Opens the demo's folder, or makes it on the first run: keys, a first root and two releases.
   *
   * @param folder the demo's folder, such as `.demo`
   * @param say told what is being done, one line each
   * @returns the site, built and signed
   * @throws what building and publishing throw
   */
  static async open(folder: string, say: (line: string) => void): Promise<DemoSite> {
    const saved = await readFile(join(folder, 'release'), 'utf8').catch(() => undefined);
    const site = new DemoSite(folder, saved === undefined ? 0 : Number(saved));
    if (saved === undefined) {
      say('Making keys and the first root.');
      // What an interrupted first run left: its keys have signed nothing that anyone has.
      await rm(folder, { recursive: true, force: true });
      await init({ project: site.#project });
      say('Building and signing release 1, for an attacker to replay.');
      await site.publishNext();
      say('Building and signing release 2.');
      await site.publishNext();
    } else {
      say(`Building and signing release ${site.#release}.`);
      await site.#publish();
    }
    return site;
  }

  /** Builds and signs the next release, and keeps the one before for the attacker. */
  async publishNext(): Promise<void> {
    if (this.#release > 0) {
      await rm(this.previous, { recursive: true, force: true });
      await cp(this.out, this.previous, { recursive: true });
    }
    this.#release += 1;
    await this.#publish();
  }

  get #project(): string {
    return join(this.#folder, 'project');
  }

  async #publish(): Promise<void> {
    const build = join(this.#folder, 'build');
    await buildApp(this.#release, build);
    await publish({ directory: build, out: this.out, project: this.#project, headers: HEADERS });
    await this.#signExpired(build);
    await writeFile(join(this.#folder, 'release'), String(this.#release));
  }

  /**
   * Signs what would be the next release with a timestamp that lives for one second. Not one of long ago: a client that has seen a timestamp
   * signed since takes that for the time, and so does the publisher's self-check.
   */
  async #signExpired(build: string): Promise<void> {
    const directory = join(this.#folder, 'expired-build');
    await Promise.all([directory, this.expired].map((path) => rm(path, { recursive: true, force: true })));
    await Promise.all([cp(build, directory, { recursive: true }), cp(this.out, this.expired, { recursive: true })]);
    await writeFile(
      join(directory, 'release.json'),
      '{ "name": "Forgotten", "notes": "signed for one second and never renewed." }\n',
    );
    await publish({ directory, out: this.expired, project: this.#project, headers: HEADERS, expires: { timestamp: 1 } });
  }
}
