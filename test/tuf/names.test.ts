import { describe, expect, test } from 'vitest';
import { asDate, formatDate } from '../../src/tuf/fields.js';
import { describe as describeFile } from '../../src/tuf/file.js';
import { MAX_PATH_LENGTH, metadataName, targetLocation } from '../../src/tuf/layout.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const HASH = 'ab'.repeat(32);
const locate = (path: string, consistent = true) => targetLocation({ path, length: 1, hashes: { sha256: HASH } }, consistent);
const resolve = (location: string) => new URL(location, 'https://repository.test/base/targets/').href;

describe('B3: target paths', () => {
  test('that could leave their folder, or be read as another path, are not asked for', async () => {
    const paths = [
      '..',
      '.',
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      '../a',
      'a/../b',
      'a/..',
      './a',
      'a\\b',
      '..\\a',
      'a\0',
      'a\nb',
      'C:\\a',
      '\u001f',
      'x'.repeat(MAX_PATH_LENGTH + 1),
    ];
    for (const path of paths) {
      for (const consistent of [true, false]) {
        expect(() => locate(path, consistent), path).toThrow(expect.objectContaining({ code: 'malformed' }));
      }
    }
    expect(locate('x'.repeat(MAX_PATH_LENGTH))).toContain('xxx');
  });

  test('that only look so stay in the folder, each at a URL of its own', () => {
    const paths = [
      '%2e%2e',
      '%2e%2e/a',
      'a%2fb',
      '%5c',
      '...',
      '..a',
      'a..',
      'a/..b/c',
      'https:/evil.test',
      '?query',
      '#hash',
      'a?b#c',
      ' ',
      'ü',
      'u\u0308',
      'A',
      'a',
      '~',
      "'",
      '😀',
      'x:y',
      '@',
      '__proto__',
      'constructor',
    ];
    for (const consistent of [true, false]) {
      const urls = paths.map((path) => resolve(locate(path, consistent)));
      for (const url of urls) {
        expect(url.startsWith('https://repository.test/base/targets/')).toBe(true);
        expect(new URL(url).search + new URL(url).hash).toBe('');
      }
      expect(new Set(urls).size).toBe(paths.length);
    }
  });

  test('carry their hash in the last segment only', () => {
    expect(locate('a/b c/d.js')).toBe(`a/b%20c/${HASH}.d.js`);
    expect(locate('a/b c/d.js', false)).toBe('a/b%20c/d.js');
    expect(targetLocation({ path: 'a', length: 1, hashes: { sha512: 'cd' } }, true)).toBe('cd.a');
  });

  test('hostile ones that are signed are refused one by one; the rest of the release works', async () => {
    const repository = await RepositorySimulator.create();
    const { length, hashes } = await describeFile(utf8('x'));
    const entry = { length, hashes: { ...hashes } };
    const names = Object.fromEntries(['../../keys', 'a//b', 'constructor', 'good.js'].map((name) => [name, entry]));
    await repository.serve({ targets: await repository.forge('targets', { version: 2, targets: names }) });
    repository.files.set(`/targets/${hashes.sha256}.good.js`, utf8('x'));
    const client = repository.client();
    await client.refresh();
    repository.requests.length = 0;
    for (const path of ['../../keys', 'a//b']) {
      const target = await client.findTarget(path);
      await expect(target && client.downloadTarget(target)).rejects.toEqual(refusal('malformed', { path }));
    }
    expect(repository.requests).toEqual([]);
    for (const path of ['toString', '__proto__', 'hasOwnProperty', 'GOOD.JS', 'good.js/', './good.js', '']) {
      expect(await client.findTarget(path)).toBeUndefined();
    }
    const good = await client.findTarget('good.js');
    expect(good && (await client.downloadTarget(good))).toEqual(utf8('x'));
  });
});

describe('B3: role names', () => {
  test('cannot leave the folder of metadata', () => {
    for (const role of ['..', '../x', 'a/b', 'a\\b', 'https://evil.test/x', '?', '#', '%2e%2e%2f', '\0', 'é', 'constructor', '']) {
      for (const version of [undefined, 7]) {
        const url = new URL(metadataName(role, version), 'https://repository.test/base/metadata/');
        expect(url.href.startsWith('https://repository.test/base/metadata/')).toBe(true);
        expect(url.pathname.slice('/base/metadata/'.length)).not.toContain('/');
        expect(url.search + url.hash).toBe('');
      }
    }
    expect(metadataName('timestamp')).toBe('timestamp.json');
    expect(metadataName('a/b', 3)).toBe('3.a%2Fb.json');
  });
});

const WRONG_DATES = [
  '2030-01-31',
  '2030-01-31T00:00:00',
  '2030-01-31T00:00:00+00:00',
  '2030-01-31T00:00:00+01:00',
  '2030-01-31T00:00:00.000Z',
  '2030-01-31T00:00:00z',
  '2030-01-31t00:00:00Z',
  '2030-01-31 00:00:00Z',
  '2030-01-31T00:00Z',
  '2030-1-31T00:00:00Z',
  '2030-02-30T00:00:00Z',
  '2031-02-29T00:00:00Z',
  '2030-04-31T00:00:00Z',
  '2030-13-01T00:00:00Z',
  '2030-00-10T00:00:00Z',
  '2030-01-00T00:00:00Z',
  '2030-01-31T24:00:00Z',
  '2030-01-31T23:60:00Z',
  '2016-12-31T23:59:60Z',
  '10000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '２０３０-01-31T00:00:00Z',
  '2030-01-31T00:00:00Z\n',
  ' 2030-01-31T00:00:00Z',
  'Thu, 31 Jan 2030 00:00:00 GMT',
  '2030-W05-4T00:00:00Z',
  'never',
  '',
  1896048000,
  null,
];

describe('B4: dates', () => {
  for (const date of WRONG_DATES) {
    test(`${JSON.stringify(date)} is malformed`, async () => {
      const repository = await RepositorySimulator.create();
      repository.put('timestamp.json', await repository.forge('timestamp', { expires: date }));
      const store = new MemoryStore();
      await expect(repository.client(store).refresh()).rejects.toEqual(refusal('malformed', { role: 'timestamp' }));
      expect(store.saved).toEqual([]);
    });
  }

  test('real ones are read to the millisecond', () => {
    for (const date of [
      '2030-01-31T00:00:00Z',
      '2032-02-29T23:59:59Z',
      '1970-01-01T00:00:00Z',
      '9999-12-31T23:59:59Z',
      '0001-01-01T00:00:00Z',
    ]) {
      expect(asDate(date, 'expires')).toBe(Date.parse(date));
      expect(formatDate(asDate(date, 'expires'))).toBe(date);
    }
    expect(formatDate(1999)).toBe('1970-01-01T00:00:01Z');
  });
});
