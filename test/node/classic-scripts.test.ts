import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { PublishOptions } from '../../src/node/publish.js';
import { Workspace } from './workspace.js';

const LARGE = `/*${'x'.repeat(128 * 1024)}*/`;

const publishedWith = async (files: Record<string, string>, options: Partial<PublishOptions> = {}) => {
  const workspace = await Workspace.make(files);
  await workspace.published(options);
  const manifest = JSON.parse(new TextDecoder().decode(await workspace.target('vouchsafe.json')));
  return { workspace, paths: manifest.code_cache as string[] | undefined };
};

describe('scripts that browsers keep compiled', () => {
  test('are the large classic ones that a page names, and lie at their own URLs', async () => {
    const { workspace, paths } = await publishedWith({
      'index.html': '<script src="a.js"></script><script src="/lib/b.js?v=1" defer></script><script src="small.js"></script>',
      'docs/page.html':
        '<base href="/lib/"><script src="c d.js" type="text/javascript"></script><script src="./m.js" type="module"></script>',
      'other.html':
        '<link rel="preload" as="script" href="d.js"><script src="https://cdn.example/e.js"></script><script type="text/x-data" src="e.js"></script>',
      'a.js': LARGE,
      'lib/b.js': LARGE,
      'lib/c d.js': LARGE,
      'lib/m.js': LARGE,
      'd.js': LARGE,
      'e.js': LARGE,
      'small.js': 'x',
    });
    expect(paths).toEqual(['a.js', 'lib/b.js', 'lib/c d.js']);
    expect(await readFile(workspace.path('out/lib/c d.js'), 'utf8')).toBe(LARGE);
    for (const other of ['lib/m.js', 'd.js', 'e.js', 'small.js']) expect(existsSync(workspace.path(`out/${other}`))).toBe(false);
  });

  test('are found below a base', async () => {
    const files = { 'index.html': '<script src="/app/a.js"></script><script src="/b.js"></script>', 'a.js': LARGE, 'b.js': LARGE };
    expect((await publishedWith(files, { base: '/app/' })).paths).toEqual(['a.js']);
  });

  test('are those of the option, or none', async () => {
    const files = { 'index.html': '<script src="a.js"></script>', 'a.js': LARGE, 'chunks/b.js': 'small', 'chunks/b.css': '' };
    expect((await publishedWith(files, { codeCache: ['chunks/**'] })).paths).toEqual(['chunks/b.js']);
    const { workspace, paths } = await publishedWith(files, { codeCache: false });
    expect(paths).toBeUndefined();
    expect(existsSync(workspace.path('out/a.js'))).toBe(false);
    await expect(publishedWith(files, { codeCache: ['misspelt.js'] })).rejects.toMatchObject({ code: 'bad-option' });
    await expect(publishedWith(files, { codeCache: 'a.js' as never })).rejects.toMatchObject({ code: 'bad-option' });
  });
});
