import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { findBrowsers, MissingBrowser } from './browsers.js';

let folder: string;

const program = async (name: string, script: string): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`);
  await chmod(path, 0o755);
  return path;
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vouchsafe-browsers-'));
});

afterEach(() => rm(folder, { recursive: true }));

it.skipIf(process.platform === 'win32')('takes the executables that the environment names', async () => {
  const chromium = await program('my-chromium', 'exit 1');
  const firefox = await program('my-firefox', 'exit 1');
  expect(findBrowsers({ CHROMIUM_PATH: chromium, FIREFOX_PATH: firefox, PATH: '' })).toEqual({ chromium, firefox });
});

it.skipIf(process.platform === 'win32')('finds what is installed, and passes over a program that does not start', async () => {
  // Ubuntu has such scripts: they say which snap to install and fail.
  await program('chromium', 'echo "Install the snap" >&2; exit 1');
  const chromium = await program('google-chrome', 'exit 0');
  const firefox = await program('firefox', 'exit 0');
  expect(findBrowsers({ PATH: folder })).toEqual({ chromium, firefox });
});

it('says in one sentence which variable names no executable', () => {
  const missing = join(folder, 'missing');
  expect(() => findBrowsers({ CHROMIUM_PATH: missing, PATH: '' })).toThrow(MissingBrowser);
  expect(() => findBrowsers({ CHROMIUM_PATH: missing, PATH: '' })).toThrow(
    `CHROMIUM_PATH names ${missing}, which is not an executable file: correct or unset it.`,
  );
});
