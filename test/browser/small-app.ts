import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Evaluates } from './page-actions.js';

/** What a page shows when all its files are of one release. */
export const whole = (name: string) => ({ page: name, script: name, style: `"${name}"`, data: name, lazy: name });

/**
 * Makes a release of a small app all of whose files have the same names in each release and say which release they are of.
 *
 * @param folder where to
 * @param name of the release
 * @param size bytes of padding, for a release that needs room
 * @returns the folder to publish
 */
export async function makeSmallRelease(folder: string, name: string, size = 0): Promise<string> {
  const directory = join(folder, `small-${name}`);
  await mkdir(directory, { recursive: true });
  const files = {
    'index.html': `<!doctype html><meta charset="utf-8"><title>${name}</title><link rel="stylesheet" href="style.css"><script src="main.js"></script>`,
    'main.js': `window.release = '${name}';`,
    'style.css': `:root { --release: "${name}" }`,
    'data.txt': name,
    'lazy.js': `export const lazy = '${name}';`,
    // Nothing that repeats: large files are stored in chunks, and equal ones once.
    ...(size > 0 && { 'padding.bin': randomBytes(size) }),
  };
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text);
  return directory;
}

/** The release of each file that a page shows or loads now. */
export function shownBy(page: Evaluates): Promise<ReturnType<typeof whole>> {
  return page.evaluate(async () => {
    const text = (work: Promise<string>) => work.catch(() => 'refused');
    const lazy = `${location.origin}${location.pathname}lazy.js`;
    return {
      page: document.title,
      script: (window as unknown as { release?: string }).release ?? 'none',
      style: getComputedStyle(document.documentElement).getPropertyValue('--release').trim(),
      data: await text(fetch('data.txt').then((response) => (response.ok ? response.text() : 'refused'))),
      lazy: await text(import(lazy).then((module: { lazy: string }) => module.lazy)),
    };
  });
}
