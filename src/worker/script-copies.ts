import { fileRule } from '../release/manifest.js';
import { download } from '../tuf/download.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, inWords, type TargetFile } from '../tuf/file.js';
import { DEFAULT_LIMITS } from '../tuf/limits.js';
import { isAsSigned } from './as-signed.js';
import type { Release } from './release.js';
import { fileKey } from './verified-files.js';

/** How long (milliseconds) a server whose copy was refused is not asked again by pages: most that do not send what is signed never will. */
const ASKED_AGAIN = 3_600_000;

/** How long (milliseconds) a page has to ask for what was checked ahead for it. */
const AHEAD = 10_000;
/** Bytes that are checked ahead of one page, at most. */
const AHEAD_BYTES = 2 ** 24;

/** What is asked of a release here. */
type Listing = Pick<Release, 'manifest' | 'targets'>;

/**
 * Large classic scripts a second time, in Cache Storage, as their own URLs answered. An engine keeps what it compiled of a script only for a response that
 * it has matched there, whose URL is the script's, and that is handed on as it is.
 *
 * Nothing depends on a copy: it is no other file than the one in the store, and whatever is wrong with it, or with Cache Storage, the answer is made from there.
 *
 * Any script on the origin can write into Cache Storage, at any moment. So nothing is remembered of a copy: each time, the response that was matched is looked
 * at, its headers are compared with the signed ones, and its body is hashed, before it is handed on. Between hash and hand-over nobody can alter it: a matched
 * response reads the entry that was opened when it matched, and so does its clone, which is what is hashed; whoever writes there makes another entry, and
 * deletes this one's name, not what it holds. (The test C7 does so in that very moment.) What the engine compiled lies beside the entry; only the engine
 * writes it, for the response that it has run, and a page's script cannot.
 */
export class ScriptCopies {
  readonly #scope: URL;
  readonly #prefix: string;
  readonly #onDamage: (error: unknown) => void;
  /** What is under way, or did not come in this life. */
  readonly #asked = new Set<string>();
  /** What the page that was answered last is about to ask for, by the file it is a copy of. */
  #ahead:
    | { readonly manifest: Listing['manifest']; readonly time: number; readonly copies: Map<string, Promise<Response | undefined>> }
    | undefined;
  /** Room was needed; what would be stored now would be in the way again. */
  #isShort = false;

  /**
   * @param scope the worker's
   * @param onDamage told of a copy that somebody altered
   */
  constructor(scope: URL, onDamage: (error: unknown) => void) {
    this.#scope = scope;
    this.#prefix = `vouchsafe code ${scope.href} `;
    this.#onDamage = onDamage;
  }

  /** Whether a file of a release is one of which there may be a copy. */
  has({ manifest }: Listing, { path }: TargetFile): boolean {
    return manifest.codeCache.has(path) && fileRule(manifest, path).keep !== 'network-only';
  }

  /**
   * The copy of a file, checked. Never rejects.
   *
   * @param release the release that answers
   * @param file one of its files
   * @param url what was asked for
   * @returns a response whose headers are signed and whose body was hashed; undefined when there is none
   */
  async answer(release: Listing, file: TargetFile, url: string): Promise<Response | undefined> {
    // The engine's copy is of one URL.
    if (url !== this.#urlOf(file)) return undefined;
    const { manifest, time = 0, copies } = this.#ahead ?? {};
    const ahead = copies?.get(file.path);
    // A body is read once.
    copies?.delete(file.path);
    const isOfIt = manifest === release.manifest && Date.now() - time < AHEAD;
    return ahead && isOfIt ? ahead : this.#checked(release, file);
  }

  /**
   * Starts to check the copies that a page names, while the page is on its way. A copy that has been hashed stays what it is, however long it waits. Never
   * rejects.
   *
   * @param release the page's release
   * @param page its bytes
   */
  async lookAhead(release: Listing, page: Uint8Array): Promise<void> {
    const { manifest, targets } = release;
    if (manifest.codeCache.size === 0) return;
    const text = new TextDecoder().decode(page);
    const copies = new Map<string, Promise<Response | undefined>>();
    this.#ahead = { manifest, time: Date.now(), copies };
    let size = 0;
    for (const path of manifest.codeCache) {
      const file = text.includes(path.replace(/^.*\//, '')) ? await targets.find(path).catch(() => undefined) : undefined;
      if (!file || !this.has(release, file)) continue;
      size += file.length;
      if (size > AHEAD_BYTES) break;
      copies.set(path, this.#checked(release, file));
    }
  }

  async #checked({ manifest }: Listing, file: TargetFile): Promise<Response | undefined> {
    try {
      const response = await this.#match(file);
      if (!response || !isAsSigned(response, this.#urlOf(file), file, manifest)) return undefined;
      const body = await response.clone().blob();
      // What somebody put there may be larger than memory.
      const bytes = body.size === file.length ? await body.arrayBuffer() : new ArrayBuffer(0);
      await checkFile(new Uint8Array(bytes), file, { path: file.path });
      return response;
    } catch (error) {
      if (error instanceof VouchsafeError) this.#onDamage(error);
      return undefined;
    }
  }

  /**
   * Gets a file from its own URL, and keeps a copy of the answer. Never rejects.
   *
   * @param release the file's release
   * @param file one of its files
   * @returns its bytes, checked; undefined when no copy is wanted, or the answer is not what is signed. That is no violation: at that URL lies what was
   *   published last, which this need not be
   */
  async download(release: Listing, file: TargetFile): Promise<Uint8Array | undefined> {
    const key = fileKey(file);
    if (!this.has(release, file) || this.#isShort || this.#asked.has(key)) return undefined;
    this.#asked.add(key);
    const url = this.#urlOf(file);
    let copy: Response | undefined;
    let isAnswered = false;
    try {
      const bytes = await download(
        async (_, { signal }) => {
          // Past the HTTP cache: it may have another release's, and would keep this one a third time.
          const init = { signal, cache: 'no-store', credentials: 'omit', redirect: 'error' } as const;
          const response = await fetch(url, init);
          isAnswered = true;
          // Before the body: a host that does not send the signed headers costs no more than a head.
          if (!isAsSigned(response, url, file, release.manifest)) throw new TypeError();
          copy = response.clone();
          return response;
        },
        url,
        file.length,
        DEFAULT_LIMITS,
        inWords(file),
      );
      await checkFile(bytes, file, { path: file.path });
      if (copy) await this.#keepCopy(file, copy);
      this.#asked.delete(key);
      return bytes;
    } catch {
      // Offline is another matter.
      if (isAnswered) await this.#keepCopy(file, new Response(`${Date.now()}`));
      void copy?.body?.cancel().catch(() => {});
      return undefined;
    }
  }

  /** Puts a copy where there is none any more, unless the server's was refused not long ago. Never rejects. */
  async refill(release: Listing, file: TargetFile): Promise<void> {
    const left = await this.#match(file).catch(() => undefined);
    // A response without a URL is our own note of when that was.
    const refused = left?.url === '' ? Number(await left.text().catch(() => '')) : 0;
    // Whatever else somebody wrote there is no note.
    if (!(Math.abs(Date.now() - refused) < ASKED_AGAIN)) await this.download(release, file);
  }

  /**
   * Deletes the copies of all files that releases do not list. Never rejects.
   *
   * @param releases whose copies stay; `none` when they have to go, for good in this life of the worker
   * @returns whether there was one to delete
   */
  async keep(releases: readonly Listing[] | 'none'): Promise<boolean> {
    if (releases === 'none') this.#isShort = true;
    const listed = releases === 'none' ? [] : releases;
    let hadOther = false;
    try {
      const found = listed.map(async (release) => {
        const files = await Promise.all([...release.manifest.codeCache].map((path) => release.targets.find(path)));
        return files.filter((file) => file !== undefined && this.has(release, file)) as TargetFile[];
      });
      const wanted = new Set((await Promise.all(found)).flat().map(fileKey));
      for (const name of await caches.keys()) {
        const isOther = name.startsWith(this.#prefix) && !wanted.has(name.slice(this.#prefix.length));
        if (isOther && (await caches.delete(name))) hadOther = true;
      }
    } catch {
      // Without Cache Storage there is none; and of which files there are copies may not be known just now.
    }
    return hadOther;
  }

  /** A cache for each hash: two releases have different files at one URL, which has to be the key, for the engine writes by it. */
  #nameOf(file: TargetFile): string {
    return this.#prefix + fileKey(file);
  }

  #urlOf({ path }: TargetFile): string {
    return new URL(encodeURI(path).replace(/[?#]/g, encodeURIComponent), this.#scope).href;
  }

  async #match(file: TargetFile): Promise<Response | undefined> {
    return caches.match(this.#urlOf(file), { cacheName: this.#nameOf(file), ignoreVary: true });
  }

  async #keepCopy(file: TargetFile, copy: Response): Promise<void> {
    try {
      const cache = await caches.open(this.#nameOf(file));
      await cache.put(this.#urlOf(file), copy);
    } catch {
      // Without Cache Storage, or without room in it, there is none.
    }
  }
}
