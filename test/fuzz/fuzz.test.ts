import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';

const run = promisify(execFile);
const project = fileURLToPath(new URL('../..', import.meta.url));

/** Runs the script as it is compiled, and says how it ended. */
async function fuzz(...args: string[]): Promise<{ code: number; printed: string }> {
  try {
    const { stdout } = await run(process.execPath, ['node_modules/.cache/fuzz/fuzz.js', ...args], { cwd: project });
    return { code: 0, printed: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, printed: stdout + stderr };
  }
}

beforeAll(() => run('npm', ['run', 'fuzz', '--', '--help'], { cwd: project }));

// Side by side, since most of the time is spent waiting for a hang.
describe.concurrent('npm run fuzz', () => {
  test('finds nothing in a few seconds of every campaign', async () => {
    const { code, printed } = await fuzz('--minutes', '0.1', '--seed', '20261122');
    expect(printed).toContain('nothing found');
    expect(code).toBe(0);
    const names = [
      'json',
      'canonical',
      'metadata',
      'stolen',
      'key',
      'signature',
      'pattern',
      'header-pattern',
      'manifest',
      'route',
      'location',
      'client',
    ];
    for (const name of names) expect(printed).toMatch(new RegExp(`^${name} +[1-9]\\d* inputs$`, 'm'));
  });

  test('a wrong error is found, made small, saved, and there again when it is replayed', async () => {
    const { code, printed } = await fuzz('--only', 'broken-throw', '--seed', '7');
    expect(code).toBe(1);
    expect(printed).toContain('TypeError: not a VouchsafeError');
    const file = /--replay (.*)/.exec(printed)?.[1] ?? '';
    expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8').split('\n')[1]).toBe('501');
    const again = await fuzz('--replay', file);
    expect(again.code).toBe(1);
    expect(again.printed).toContain('TypeError: not a VouchsafeError');
  });

  for (const [name, reason] of [
    ['broken-hang', 'no answer for 3 seconds'],
    ['broken-memory', 'heap out of memory'],
    ['broken-exit', 'the process ended with code 3'],
  ] as const) {
    test(`${name.replace('broken-', '')} is found, and its input saved`, async () => {
      const { code, printed } = await fuzz('--only', name, '--seed', '7', ...(name === 'broken-hang' ? ['--patience', '3'] : []));
      expect(code).toBe(1);
      expect(printed).toContain(reason);
      const file = /--replay (.*)/.exec(printed)?.[1] ?? '';
      expect(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')).toMatch(/^\{.*\}\n\d+\n$/);
    });
  }

  test('a campaign that does not exist is an error, and those that do are named', async () => {
    const { code, printed } = await fuzz('--only', 'jason');
    expect(code).toBe(1);
    expect(printed).toContain('There is no campaign "jason". There are json, canonical,');
  });

  test('says what it does', async () => {
    expect((await fuzz('--help')).printed).toContain('--minutes');
  });
});
