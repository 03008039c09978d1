import { fileRule, headersFor } from '../release/manifest.js';
import type { Store } from '../store/store.js';
import type { CacheMode } from '../tuf/download.js';
import { RangeDownload } from '../tuf/download-range.js';
import type { TargetFile } from '../tuf/file.js';
import { htmlIn } from '../tuf/html-answer.js';
import { targetLocation } from '../tuf/layout.js';
import { DEFAULT_LIMITS } from '../tuf/limits.js';
import { ChunkSource } from './chunk-source.js';
import { diagnose } from './diagnosis.js';
import { type Piece, piecesOf, type Release } from './release.js';
import { fileKey } from './verified-files.js';

/** The large files of a release, whose chunks are signed one by one. */
export class ChunkedFiles {
  readonly #store: Store;
  readonly #targets: () => readonly string[];
  readonly #older: (path: string) => Promise<readonly string[]>;
  readonly #onDamage: (error: unknown) => void;
  readonly #onMirrorFailure: (error: unknown) => void;

  /**
   * @param store where chunks are kept
   * @param targets gives the absolute URLs of the targets folder, with a trailing slash, in the order to ask them
   * @param older the hashes that other releases have under a target path, of files and of chunks, to recognise them by
   * @param onDamage told of what was wrong with the store
   * @param onMirrorFailure told of a server whose answer was refused, when another's was not
   */
  constructor(
    store: Store,
    targets: () => readonly string[],
    older: (path: string) => Promise<readonly string[]>,
    onDamage: (error: unknown) => void,
    onMirrorFailure: (error: unknown) => void,
  ) {
    this.#onMirrorFailure = onMirrorFailure;
    this.#store = store;
    this.#targets = targets;
    this.#older = older;
    this.#onDamage = onDamage;
  }

  /**
   * Opens a file. What it downloads is stored, unless the manifest says otherwise.
   *
   * @param release the file's release
   * @param file one of its files with signed chunks
   * @param end position of the last byte that will be asked for
   * @returns reads chunk by chunk; to be stopped when nobody reads any more
   */
  open(release: Release, file: TargetFile, end = file.length - 1): ChunkSource {
    const isKept = fileRule(release.manifest, file.path).keep !== 'network-only';
    return this.#open(release, file, end, isKept);
  }

  /**
   * Downloads chunks without storing them.
   *
   * @param release the file's release
   * @param file one of its files with signed chunks
   * @param pieces which of its chunks
   * @returns each with its bytes, checked
   */
  async *download(
    release: Release,
    file: TargetFile,
    pieces: readonly Piece[],
  ): AsyncGenerator<readonly [Piece, Uint8Array], void> {
    const source = this.#open(release, file, file.length - 1, false);
    const hashes = release.manifest.chunks.get(file.path)?.sha256 ?? [];
    try {
      for (const piece of pieces) yield [piece, await source.read(hashes.indexOf(fileKey(piece)))];
    } finally {
      source.stop();
    }
  }

  #open(release: Release, file: TargetFile, end: number, isKept: boolean): ChunkSource {
    const { manifest, consistentSnapshot } = release;
    const chunks = manifest.chunks.get(file.path) ?? { size: file.length, sha256: [] };
    const pieces = piecesOf(release, file);
    const mirrors = this.#targets();
    const name = targetLocation(file, consistentSnapshot);
    const ports = {
      storedHashes: () => this.#store.storedHashes(),
      loadFile: this.#store.fileReader(),
      ...(isKept && { saveFile: (hash: string, bytes: Uint8Array) => this.#store.saveChunks(new Map([[hash, bytes]])) }),
      mirrors: mirrors.length,
      download: (mirror: number, first: number, last: number, cache: CacheMode) =>
        // A name without a hash may stand for another content tomorrow.
        new RangeDownload(
          (target, init) => fetch(target, init),
          mirrors[mirror] + name,
          first,
          last,
          DEFAULT_LIMITS,
          cache === 'default' && !consistentSnapshot ? 'no-cache' : cache,
        ),
      diagnose: async (bytes: Uint8Array, index: number, head: Uint8Array) => {
        const piece = pieces[index] ?? file;
        const older = await this.#older(file.path);
        const type = headersFor(manifest, file.path).get('content-type') ?? '';
        const known = (hash: string) => older.includes(hash) && !chunks.sha256.includes(hash);
        const diagnosis = await diagnose(bytes, piece, type, known);
        // A server without ranges sends the whole of whatever it sends, of which this piece may be the middle, or beyond the end.
        const html = type.includes('html') || diagnosis === 'older release' ? undefined : htmlIn(head);
        return html ?? (diagnosis === 'empty' && head.length > 0 ? 'truncated' : diagnosis);
      },
      onDamage: this.#onDamage,
      onMirrorFailure: this.#onMirrorFailure,
    };
    return new ChunkSource({ path: file.path, length: file.length, chunks }, end, ports);
  }
}
