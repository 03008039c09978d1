import { Targets } from '@tufjs/models';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { describeDelegations, describeHashBins, sortIntoBins } from '../../src/repository/delegation.js';
import { DelegationIndex } from '../../src/tuf/delegation-index.js';
import { parseDelegations } from '../../src/tuf/delegations.js';
import type { JsonObject, JsonValue } from '../../src/tuf/json.js';
import { matchesPattern } from '../../src/tuf/path-pattern.js';
import { testSigner, utf8 } from '../repository-simulator.js';
import { refusal } from './refusal.js';

const digest = async (path: string) => Buffer.from(await crypto.subtle.digest('SHA-256', utf8(path))).toString('hex');
const role = (name: string, more: JsonObject = { paths: ['*'] }) => ({
  name,
  keyids: ['k'],
  threshold: 1,
  terminating: false,
  ...more,
});
const roles = (...list: JsonValue[]) => ({ keys: {}, roles: list });
const bins = (more: JsonObject) => ({
  keys: {},
  succinct_roles: { keyids: ['k'], threshold: 1, bit_length: 8, name_prefix: 'bin', ...more },
});
const matching = (delegations: JsonValue, path: string) =>
  new DelegationIndex(parseDelegations(delegations)).matching(path).map((delegation) => delegation.role);

describe('B5: a pattern', () => {
  test.each([
    ['a.txt', 'a.txt', true],
    ['a.txt', 'a.txt.sig', false],
    ['*.tgz', 'foo.tgz', true],
    // The specification's own examples (4.5).
    ['*.tgz', 'targets/foo.tgz', false],
    ['targets/*.tgz', 'targets/foo.tgz', true],
    ['targets/*.tgz', 'targets/foo.txt', false],
    ['foo-version-?.tgz', 'foo-version-2.tgz', true],
    ['foo-version-?.tgz', 'foo-version-alpha.tgz', false],
    ['*', '', true],
    ['?', '', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['*/*', 'a/b', true],
    ['*/*', 'a', false],
    ['*/*', 'a/b/c', false],
    ['**', 'a/b', false],
    ['a/', 'a', false],
    ['?', '\u{1f600}', true],
    ['[ab].txt', 'a.txt', false],
    ['[ab].txt', '[ab].txt', true],
    ['a.b', 'axb', false],
    ['*a*', 'banana', true],
    ['*ana*ana', 'banana', false],
    ['b*a', 'banana', true],
    ['\\*', 'a', false],
  ])('%s and the path %s', (pattern, path, expected) => {
    expect(matchesPattern(path, pattern)).toBe(expected);
  });

  test('matches what a regular expression would, but never takes long', () => {
    const text = (characters: string[]) => fc.array(fc.constantFrom(...characters), { maxLength: 8 }).map((list) => list.join(''));
    fc.assert(
      fc.property(text(['a', 'b', '/', '*', '?']), text(['a', 'b', '/']), (pattern, path) => {
        const source = pattern.replaceAll('*', '[^/]*').replaceAll('?', '[^/]');
        expect(matchesPattern(path, pattern)).toBe(new RegExp(`^${source}$`).test(path));
      }),
      { numRuns: 5_000 },
    );
    // A regular expression does not come to an end with this one.
    expect(matchesPattern('a'.repeat(1_000), `${'*a'.repeat(400)}b`)).toBe(false);
  });
});

describe('delegations to roles', () => {
  test('are found in order of priority, whether by pattern or by hash prefix', async () => {
    const hash = await digest('a/b');
    const delegations = roles(
      role('z', { path_hash_prefixes: [hash.slice(0, 3), hash] }),
      role('y', { paths: ['x', 'a/*', 'a/b'] }),
      role('x', { paths: ['a/c'] }),
      role('w', { path_hash_prefixes: [''] }),
      role('v', { path_hash_prefixes: [hash.slice(0, 2).toUpperCase().replace(/^\d+$/, 'zz'), `${hash}0`] }),
      role('u', {}),
      role('t', { paths: ['*/*'] }),
    );
    expect(matching(delegations, 'a/b')).toEqual(['z', 'y', 'w', 't']);
    expect(matching(delegations, 'nothing')).toEqual(['w']);
  });

  test('may be more than a call can have arguments', () => {
    const many = Array.from({ length: 150_000 }, (_, i) => role(`r${i}`, { path_hash_prefixes: [''] }));
    expect(matching({ keys: {}, roles: many }, 'a')).toHaveLength(150_000);
  });

  test('have the keys, the threshold and the names of their delegator', async () => {
    const [one, two] = [await testSigner(1), await testSigner(2)];
    const { roles: parsed } = parseDelegations(
      describeDelegations([
        { name: '../x', keys: [one, two], threshold: 2, paths: ['*'], isTerminating: true },
        { name: 'constructor', keys: [two], threshold: 1, paths: { hashPrefixes: ['0f'] } },
      ]),
    );
    expect(parsed.map(({ keys, ...rest }) => [...keys.keys(), rest])).toEqual([
      [
        one.keyid,
        two.keyid,
        { role: '../x', keyids: [one.keyid, two.keyid], threshold: 2, isTerminating: true, patterns: ['*'], hashPrefixes: [] },
      ],
      [
        one.keyid,
        two.keyid,
        { role: 'constructor', keyids: [two.keyid], threshold: 1, isTerminating: false, patterns: [], hashPrefixes: ['0f'] },
      ],
    ]);
  });

  test.each([
    ['nothing', {}],
    ['no keys', { roles: [] }],
    ['neither roles nor bins', { keys: {} }],
    ['roles and bins', { ...roles(), ...bins({}) }],
    ['a role twice', roles(role('a'), role('b'), role('a'))],
    ['a role without a name', roles(role(''))],
    ['a role with the name of a top-level one', roles(role('timestamp'))],
    ['a role that may be the root', roles(role('root'))],
    ['paths and hash prefixes', roles(role('a', { paths: [], path_hash_prefixes: [] }))],
    ['paths that are no texts', roles(role('a', { paths: [1] }))],
    ['a threshold of zero', roles(role('a', { threshold: 0 }))],
    ['a keyid twice', roles(role('a', { keyids: ['k', 'k'] }))],
    ['terminating that is no boolean', roles(role('a', { terminating: 'no' }))],
    ['bins without bits', bins({ bit_length: 0 })],
    ['bins with too many bits', bins({ bit_length: 33 })],
    ['bins without a name', bins({ name_prefix: null })],
  ])('that say %s are malformed', (_, delegations) => {
    expect(() => parseDelegations(delegations as JsonValue)).toThrow(refusal('malformed'));
  });
});

describe('B5: hash bins', () => {
  test('are those that tuf-js finds', () => {
    const paths = ['a', 'targets/b', 'ö', '', '\u{1f600}', ...Array.from({ length: 50 }, (_, i) => `file-${i}`)];
    for (const bitLength of [1, 3, 4, 7, 8, 14, 16, 31, 32]) {
      const delegations = bins({ bit_length: bitLength });
      const fields = { _type: 'targets', version: 1, spec_version: '1.0.34', expires: '2030-01-01T00:00:00Z', targets: {} };
      const peer = Targets.fromJSON({ ...fields, delegations }).delegations?.succinctRoles;
      for (const path of paths) {
        expect(matching(delegations, path), `${bitLength} ${path}`).toEqual([peer?.getRoleForTarget(path)]);
      }
    }
  });

  test('are one object each, which remembers what was verified by it', () => {
    const index = new DelegationIndex(parseDelegations(bins({ bit_length: 1 })));
    const found = Array.from({ length: 20 }, (_, i) => index.matching(`file-${i}`)[0]);
    expect(new Set(found).size).toBe(2);
    expect(found[0]).toMatchObject({ isTerminating: true, threshold: 1, keyids: ['k'] });
  });

  test('are published all, also those without a file', async () => {
    const definition = { keys: [await testSigner(1)], threshold: 1, namePrefix: 'bin', bitLength: 3 };
    const file = { path: 'a', length: 1, hashes: { sha256: '00' } };
    const sorted = sortIntoBins(definition, [file]);
    expect([...sorted.keys()]).toEqual(['bin-0', 'bin-1', 'bin-2', 'bin-3', 'bin-4', 'bin-5', 'bin-6', 'bin-7']);
    expect([...sorted].filter(([, files]) => files.length > 0)).toEqual([[matching(describeHashBins(definition), 'a')[0], [file]]]);
  });
});
