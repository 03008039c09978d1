import { beforeEach, describe, expect, test } from 'vitest';
import { Refresher } from '../../src/tuf/refresher.js';
import { MemoryStore, RepositorySimulator, START, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const PORTAL =
  '\uFEFF<!-- hotel -->\n<!DOCTYPE html><html><body><form method="post"><input name=u><input type="password" name="p"></form></body></html>';

let repository: RepositorySimulator;
let refresher: Refresher;

beforeEach(async () => {
  repository = await RepositorySimulator.create();
  await repository.release({ 'index.html': 'index' });
  refresher = new Refresher({
    root: repository.files.get('/metadata/1.root.json') ?? new Uint8Array(),
    store: new MemoryStore(),
    fetch: repository.fetch,
    metadataUrl: 'https://repository.test/metadata/',
    targetsUrl: 'https://repository.test/targets/',
    now: () => START,
  });
});

/** What is refused when everything, or one role, is answered like this. */
async function refused(body: string, match = /./): Promise<unknown> {
  repository.answer = (path) => (match.test(path) ? new Response(utf8(body)) : undefined);
  return refresher.refresh().then(
    () => 'accepted',
    (error) => error,
  );
}

describe('C3 metadata that is something else says what it seems to be', () => {
  test('a captive portal’s login page', async () => {
    expect(await refused(PORTAL)).toEqual(refusal('malformed', { role: 'root', diagnosis: 'login page' }));
    const redirecting = '<html><head><meta http-equiv="refresh" content="0; url=https://wifi.example/login"></head></html>';
    expect(await refused(redirecting)).toEqual(refusal('malformed', { role: 'root', diagnosis: 'login page' }));
  });

  test('another page, an empty answer, half of a document', async () => {
    const html = '<html><title>Not found</title></html>';
    expect(await refused(html, /timestamp/)).toEqual(
      refusal('malformed', { role: 'timestamp', diagnosis: 'HTML instead of the file' }),
    );
    expect(await refused('', /timestamp/)).toEqual(refusal('malformed', { role: 'timestamp', diagnosis: 'empty' }));
    expect(await refused('{"signed":{', /timestamp/)).toEqual(refusal('malformed', { role: 'timestamp', diagnosis: 'truncated' }));
  });

  test('metadata of another form has none: the message says what is wrong', async () => {
    const error = await refused('{"signed":{}}', /timestamp/);
    expect(error).toEqual(refusal('malformed', { role: 'timestamp' }));
    expect((error as { facts: object }).facts).not.toHaveProperty('diagnosis');
  });

  test('what is too long for its role', async () => {
    const long = PORTAL + ' '.repeat(20_000);
    expect(await refused(long, /timestamp/)).toEqual(refusal('too-long', { role: 'timestamp', diagnosis: 'login page' }));
    expect(await refused('a'.repeat(20_000), /timestamp/)).toEqual(
      refusal('too-long', { role: 'timestamp', diagnosis: 'unknown bytes' }),
    );
  });
});
