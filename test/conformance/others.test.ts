import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { serveFiles } from '../interop/file-server.js';
import { CLIENT, runProgram, temporaryFolder } from './session.js';

const REPOSITORIES = fileURLToPath(new URL('../../../shared/data/repositories/', import.meta.url));
const hasFaketime = (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'faketime')));
// The repositories are kept beside the project, not in it. They expire, so the clock has to be set for them.
const missing = [!existsSync(REPOSITORIES) && '../shared/data is not here', !hasFaketime && 'faketime is not installed'];
const reason = missing.some(Boolean) ? ` (skipped: ${missing.filter(Boolean).join(', ')})` : '';

describe.skipIf(reason)(`the client and repositories that others made, by the system's clock${reason}`, () => {
  test.each(['sigstore', 'tuf-on-ci'])('%s', async (name) => {
    const folder = join(REPOSITORIES, name);
    const text = (file: string) => readFileSync(join(folder, file), 'utf8').trim();
    const server = await serveFiles((path) => {
      const file = join(folder, path);
      return existsSync(file) && statSync(file).isFile() ? readFileSync(file) : undefined;
    });
    onTestFinished(() => server.close());
    const metadata = await temporaryFolder();
    const targets = await temporaryFolder();
    const run = (time: string, ...args: string[]) =>
      runProgram('faketime', [time, CLIENT, '--metadata-dir', metadata, '--metadata-url', `${server.url}metadata`, ...args]);
    const download = ['--target-base-url', `${server.url}targets`, '--target-dir', targets, '--target-name', text('targetpath')];

    expect(await run(text('faketime'), 'init', join(folder, 'initial_root.json'))).toMatchObject({ code: 0 });
    const expired = { code: 1, stderr: expect.stringContaining('(expired') };
    expect(await run('2100-01-01 00:00:00', 'refresh')).toMatchObject(expired);
    expect(await run(text('faketime'), 'refresh')).toMatchObject({ code: 0, stderr: '' });
    expect(await run(text('faketime'), 'download', ...download)).toMatchObject({ code: 0, stderr: '' });
    expect(await run('2100-01-01 00:00:00', 'download', ...download)).toMatchObject(expired);

    const received = (part: string) =>
      readdirSync(join(folder, part), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'));
    expect(readdirSync(targets)).toEqual([encodeURIComponent(text('targetpath'))]);
    expect(received('targets')).toContain(readFileSync(join(targets, encodeURIComponent(text('targetpath'))), 'latin1'));
    const kept = readdirSync(metadata);
    expect(kept).toEqual(expect.arrayContaining(['root.json', 'snapshot.json', 'targets.json', 'timestamp.json']));
    for (const file of kept) expect(received('metadata'), file).toContain(readFileSync(join(metadata, file), 'latin1'));
  });
});
