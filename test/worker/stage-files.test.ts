import { describe, expect, it, vi } from 'vitest';
import type { Progress } from '../../src/messages/messages.js';
import { parseManifest } from '../../src/release/manifest.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import type { TargetFile } from '../../src/tuf/file.js';
import type { Release } from '../../src/worker/release.js';
import { type Staging, stageFiles } from '../../src/worker/stage-files.js';
import { TargetFiles } from '../../src/worker/target-files.js';
import { manifestWith } from './simulated-worker.js';

/** A file whose hash is its content, or its path. */
const file = (path: string, length = 10, content = path): TargetFile => ({ path, length, hashes: { sha256: content } });

function release(files: readonly TargetFile[], optional: readonly string[] = []): Release {
  const rules = optional.map((path) => ({ path, optional: true }));
  const manifest = parseManifest(new TextEncoder().encode(manifestWith({ files: rules })));
  return { manifest, targets: TargetFiles.of(new Map(files.map((each) => [each.path, each]))) } as unknown as Release;
}

/** Downloads that end when the test says so. */
class HeldDownloads {
  readonly #ends = new Map<string, (error?: unknown) => void>();
  /** Paths asked for, in order. */
  readonly asked: string[] = [];

  readonly download = (wanted: TargetFile): Promise<Uint8Array> => {
    this.asked.push(wanted.path);
    return new Promise((resolve, reject) => {
      this.#ends.set(wanted.path, (error) => (error ? reject(error) : resolve(new Uint8Array(wanted.length))));
    });
  };

  /** Those under way. */
  get open(): string[] {
    return [...this.#ends.keys()];
  }

  async end(path: string, error?: unknown): Promise<void> {
    const end = this.#ends.get(path);
    this.#ends.delete(path);
    end?.(error);
    // Everything that follows without another answer.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async endAll(): Promise<void> {
    for (let [path] = this.open; path !== undefined; [path] = this.open) await this.end(path);
  }
}

function staging(download: Staging['download'], more: Partial<Staging> = {}) {
  const saved: string[][] = [];
  const missing: unknown[] = [];
  const progress: Progress[] = [];
  const keep = (pack: ReadonlyMap<string, Uint8Array>) => {
    saved.push([...pack.keys()]);
    return Promise.resolve();
  };
  const parts: Staging = {
    storedHashes: async () => new Set(),
    downloadCopy: async () => undefined,
    download,
    async *downloadPieces() {},
    async *downloadPacks() {},
    save: keep,
    saveOptional: keep,
    onMissing: (error) => void missing.push(error),
    onProgress: (now) => void progress.push(now),
    ...more,
  };
  return { parts, saved, missing, progress };
}

const many = (count: number, name = 'file') => Array.from({ length: count }, (_, i) => file(`${name}-${i}.js`));
const paths = (files: readonly TargetFile[]) => files.map(({ path }) => path);
const quota = () => new VouchsafeError('quota', 'full');
const gone = () => new VouchsafeError('unreachable', 'gone', { status: 404 });

describe('stageFiles', () => {
  it('has six downloads under way, and begins another as soon as one has ended', async () => {
    const files = many(20);
    const downloads = new HeldDownloads();
    const { parts, saved } = staging(downloads.download);
    const staged = stageFiles(release(files), parts);
    await vi.waitFor(() => expect(downloads.open).toHaveLength(6));
    for (let ended = 1; ended <= 14; ended++) {
      await downloads.end(downloads.open[ended % 6] ?? '');
      expect(downloads.open).toHaveLength(6);
      expect(downloads.asked).toHaveLength(6 + ended);
    }
    await downloads.endAll();
    await staged;
    expect(downloads.asked).toEqual(paths(files));
    // All that fits into one record is in one.
    expect(saved.map((pack) => pack.sort())).toEqual([paths(files).sort()]);
  });

  it('starts no further download after one failed, waits for those under way, and keeps what came', async () => {
    const files = many(20);
    const downloads = new HeldDownloads();
    const { parts, saved } = staging(downloads.download);
    let isOver = false;
    const staged = stageFiles(release(files), parts).finally(() => {
      isOver = true;
    });
    staged.catch(() => {});
    await vi.waitFor(() => expect(downloads.open).toHaveLength(6));
    await downloads.end('file-0.js');
    await downloads.end('file-3.js', gone());
    const [...rest] = downloads.open;
    expect(rest).toHaveLength(5);
    for (const path of rest) {
      expect(isOver).toBe(false);
      await downloads.end(path);
    }
    await expect(staged).rejects.toMatchObject({ code: 'unreachable', facts: { status: 404 } });
    expect(downloads.asked).toHaveLength(7);
    expect(saved).toEqual([['file-0.js', ...rest]]);
  });

  it('downloads what is missing, once for all files with the same bytes, and says how far it is', async () => {
    const files = [...many(3), file('same.js', 10, 'file-0.js'), file('stored.js', 70)];
    const downloads = vi.fn(async () => new Uint8Array(10));
    const { parts, progress } = staging(downloads, { storedHashes: async () => new Set(['stored.js']) });
    await stageFiles(release(files), parts);
    expect(downloads.mock.calls).toHaveLength(3);
    expect(progress[0]).toEqual({ files: 1, totalFiles: 4, bytes: 70, totalBytes: 100 });
    expect(progress.at(-1)).toEqual({ files: 4, totalFiles: 4, bytes: 100, totalBytes: 100 });
  });

  it('stores pages, other files and pieces of large ones apart, and alone what is large itself', async () => {
    const [first, second] = ['1', '2'].map((digit) => digit.repeat(64));
    const files = [
      file('index.html'),
      file('a.js'),
      file('about.html'),
      file('b.js'),
      file('large.js', 2 ** 20),
      file('film.bin', 20_000),
    ];
    const chunks = { 'film.bin': { size: 2 ** 14, sha256: [first, second] } };
    const manifest = parseManifest(new TextEncoder().encode(manifestWith({ chunks })));
    const { parts, saved } = staging(async ({ length }) => new Uint8Array(length), {
      async *downloadPieces(_file, pieces) {
        for (const piece of pieces) yield [piece, new Uint8Array(10)];
      },
    });
    await stageFiles({ ...release(files), manifest }, parts);
    expect(saved.map((pack) => pack.sort()).sort()).toEqual([
      [first, second],
      ['a.js', 'b.js'],
      ['about.html', 'index.html'],
      ['large.js'],
    ]);
  });

  it('stores what is required before it asks for what is optional, in other records', async () => {
    // The name of one that is required comes last, and has the bytes of one that is optional.
    const files = [file('a.bin'), file('b.bin', 10, 'needed'), file('c.js'), file('d.js', 10, 'needed')];
    const events: string[] = [];
    const { parts } = staging(async ({ path }) => {
      events.push(path);
      return new Uint8Array(10);
    });
    const save = (pack: ReadonlyMap<string, Uint8Array>) => {
      events.push(`save ${[...pack.keys()]}`);
      return Promise.resolve();
    };
    const saveOptional = (pack: ReadonlyMap<string, Uint8Array>) => {
      events.push(`save optional ${[...pack.keys()]}`);
      return Promise.resolve();
    };
    await stageFiles(release(files, ['*.bin']), { ...parts, save, saveOptional });
    expect(events).toEqual(['b.bin', 'c.js', 'save needed,c.js', 'a.bin', 'save optional a.bin']);
  });

  it('C8 goes on without the optional files that there is no room for, and asks for no more of them', async () => {
    const films = [...many(8, 'film')].map((film) => ({ ...film, length: 2 ** 22 }));
    const downloads = vi.fn(async ({ length }: TargetFile) => new Uint8Array(length));
    const saveOptional = vi.fn().mockResolvedValueOnce(undefined).mockRejectedValue(quota());
    const { parts, saved, missing } = staging(downloads, { saveOptional });
    await stageFiles(release([...films, file('app.js')], ['film-*']), parts);
    expect(saved).toEqual([['app.js']]);
    expect(missing).toMatchObject([{ code: 'quota' }]);
    // Six that were under way, and the one that began when the first was stored.
    expect(downloads.mock.calls.length).toBeLessThan(1 + 8);
  });

  it('C8 ends when there is no room for a required file, whatever the optional ones are', async () => {
    const downloads = vi.fn(async () => new Uint8Array(10));
    const { parts, missing } = staging(downloads, { save: () => Promise.reject(quota()) });
    await expect(stageFiles(release([file('film.bin'), file('app.js')], ['film.bin']), parts)).rejects.toMatchObject({
      code: 'quota',
    });
    expect(downloads.mock.calls).toMatchObject([[{ path: 'app.js' }]]);
    expect(missing).toEqual([]);
  });

  it('goes on after an optional file that did not come, and can leave all of them out', async () => {
    const files = [file('film-1.bin'), file('film-2.bin'), file('app.js')];
    const some = release(files, ['film-*']);
    const { parts, saved, missing } = staging(async ({ path }) => {
      if (path === 'film-1.bin') throw gone();
      return new Uint8Array(10);
    });
    await stageFiles(some, parts);
    expect(saved).toEqual([['app.js'], ['film-2.bin']]);
    expect(missing).toMatchObject([{ code: 'unreachable' }]);
    await stageFiles(some, parts, ['required']);
    expect(saved).toEqual([['app.js'], ['film-2.bin'], ['app.js']]);
  });

  it('C8 a browser that fails is nobody’s fault: no optional file excuses it', async () => {
    const { parts } = staging(() => Promise.reject(new TypeError('closed')));
    await expect(stageFiles(release([file('film.bin')], ['film.bin']), parts)).rejects.toThrow('closed');
  });
});
