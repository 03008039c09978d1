import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Signer } from '../../src/repository/signer.js';
import type { JsonObject } from '../../src/tuf/json.js';
import { DEFAULT_LIMITS } from '../../src/tuf/limits.js';
import { MemoryStore, RepositorySimulator, testSigner } from '../repository-simulator.js';
import { type Delegate, delegateTo, list, publishTree, roleMetadata, rolesAsked } from './delegation-tree.js';
import { refusal } from './refusal.js';

/** Milliseconds. A bound for what would not end, not for a machine that is slow. */
const SLOW = 20_000;

let repository: RepositorySimulator;
let store: MemoryStore;
let one: Signer;

const client = (options = {}) => repository.client(store, options);

beforeEach(async () => {
  one = await testSigner(101);
  repository = await RepositorySimulator.create();
  store = new MemoryStore();
});

describe('B5: delegation graphs', () => {
  /** Roles by name, all signed by one key, each with its files and what it delegates to. */
  type Tree = Readonly<Record<string, { files?: Record<string, string>; to?: readonly Omit<Delegate, 'signers'>[] }>>;

  /** Publishes a tree. The role `targets` in it is the top-level one. */
  async function grow({ targets, ...roles }: Tree, more: JsonObject = {}): Promise<void> {
    const delegations = (to: readonly Omit<Delegate, 'signers'>[] = []) =>
      delegateTo(...to.map((role) => ({ ...role, signers: [one] })));
    const metadata: Record<string, Uint8Array> = {};
    for (const [name, { files = {}, to }] of Object.entries(roles)) {
      metadata[name] = await roleMetadata(1, files, [one], to && delegations(to));
    }
    await publishTree(repository, { ...(await list(targets?.files ?? {})), ...delegations(targets?.to), ...more }, metadata);
  }

  test('a cycle is walked once round', async () => {
    await grow({
      targets: { to: [{ name: 'a' }] },
      a: { to: [{ name: 'b' }, { name: 'a' }] },
      b: { to: [{ name: 'a' }, { name: 'c' }] },
      c: { to: [{ name: 'b' }], files: { 'found.js': 'found' } },
    });
    expect(await client().findTarget('lost.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual(['a', 'b', 'c']);
    expect((await client().findTarget('found.js'))?.length).toBe(5);
  });

  test('of 10,000 roles no more are visited than the limit, in bounded time', async () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `role-${i}`);
    const tree: Tree = { targets: { to: names.map((name) => ({ name })) } };
    const visited = Object.fromEntries(names.slice(0, 40).map((name, i) => [name, { files: { [`${i}.js`]: 'found' } }]));
    await grow({ ...tree, ...visited });
    const start = performance.now();
    const updater = client();
    expect(await updater.findTarget('lost.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual(names.slice(0, DEFAULT_LIMITS.delegations));
    expect(await updater.findTarget(`${DEFAULT_LIMITS.delegations - 1}.js`)).toBeDefined();
    expect(await updater.findTarget(`${DEFAULT_LIMITS.delegations}.js`)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(SLOW);
    expect(store.roles.size).toBe(3 + DEFAULT_LIMITS.delegations);
  });

  test('of 1,000 roles one behind the other no more are visited than the limit', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `role-${i}`);
    const chain = names.map((name, i) => [name, { files: { [`${i}.js`]: 'found' }, to: [{ name: `role-${i + 1}` }] }] as const);
    await grow({ targets: { to: [{ name: 'role-0' }] }, ...Object.fromEntries(chain) });
    expect(await client().findTarget('999.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual(names.slice(0, DEFAULT_LIMITS.delegations));
    expect(await client().findTarget('31.js')).toBeDefined();
    expect(await client({ limits: { delegations: 1_000 } }).findTarget('999.js')).toBeDefined();
  });

  test('are searched in the order of the specification: depth first, by priority', async () => {
    await grow({
      targets: { to: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] },
      a: { to: [{ name: 'a1' }, { name: 'a2' }] },
      a1: { to: [{ name: 'b' }] },
      a2: { files: { 'both.js': 'the first one' } },
      b: { to: [{ name: 'b1' }] },
      b1: {},
      c: { files: { 'both.js': 'the last' } },
    });
    expect(await client().findTarget('lost.js')).toBeUndefined();
    expect(rolesAsked(repository)).toEqual(['a', 'a1', 'b', 'b1', 'a2', 'c']);
    expect((await client().findTarget('both.js'))?.length).toBe('the first one'.length);
  });

  test('end where a terminating delegation matches, neither beside it nor further up, and go on below it', async () => {
    await grow({
      targets: { to: [{ name: 'a' }, { name: 'never' }] },
      a: {
        to: [
          { name: 'first', paths: ['x/*'] },
          { name: 'other', paths: ['y/*'], terminating: true },
          { name: 'last', paths: ['x/*.js'], terminating: true },
          { name: 'beside', paths: ['x/*'] },
        ],
      },
      first: {},
      last: { to: [{ name: 'below', paths: ['x/*'] }] },
      below: { files: { 'x/found.js': 'found' } },
      beside: { files: { 'x/lost.js': 'wrong' } },
      other: {},
      never: { files: { 'x/lost.js': 'wrong', 'y/lost.js': 'wrong' } },
    });
    const asked = async (path: string) => {
      repository.requests.length = 0;
      const updater = repository.client();
      return { isFound: (await updater.findTarget(path)) !== undefined, roles: rolesAsked(repository) };
    };
    // `a` and `never` have the paths `*`, which stand for none with a slash.
    expect(await asked('x/lost.js')).toEqual({ isFound: false, roles: [] });
    await publishTree(
      repository,
      delegateTo(...['a', 'never'].map((name) => ({ name, signers: [one], paths: ['x/*', 'y/*'] }))),
      {},
    );
    expect(await asked('x/lost.js')).toEqual({ isFound: false, roles: ['a', 'first', 'last', 'below'] });
    expect(await asked('x/found.js')).toEqual({ isFound: true, roles: ['a', 'first', 'last', 'below'] });
    expect(await asked('y/lost.js')).toEqual({ isFound: false, roles: ['a', 'other'] });
    expect(await asked('x/lost.css')).toEqual({ isFound: false, roles: ['a', 'first', 'beside', 'never'] });
  });

  test('have patterns in which * and ? stand for no slash, and nothing else stands for anything', async () => {
    const patterns: Readonly<Record<string, readonly [matching: readonly string[], not: readonly string[]]>> = {
      'a/*': [
        ['a/b', 'a/.b'],
        ['a', 'a/b/c', 'ab', 'b/a'],
      ],
      '*': [['a', '*', '😀'], ['a/b']],
      '*/*': [['a/b'], ['a', 'a/b/c']],
      'a/?': [
        ['a/b', 'a/😀', 'a/?'],
        ['a/bc', 'a/b/', 'a//'],
      ],
      'a?b': [['axb'], ['a/b', 'ab']],
      '*.tgz': [
        ['x.tgz', '.tgz'],
        ['a/x.tgz', 'xtgz', 'x.tgz.exe'],
      ],
      'a*b*c': [
        ['abc', 'axbxxbc'],
        ['acb', 'a/b/c', 'abcd'],
      ],
      '[a-c].js': [['[a-c].js'], ['a.js', 'b.js']],
      '{a,b}.js': [['{a,b}.js'], ['a.js']],
      '.*': [['.a'], ['a', 'ab']],
      'ab*': [
        ['ab', 'abc', 'ab*'],
        ['a', 'ab/', 'ab/c'],
      ],
      '**': [['a', 'ab'], ['a/b']],
      'a+': [['a+'], ['aa']],
      '': [[], ['a', '*']],
    };
    for (const [pattern, [matching, others]] of Object.entries(patterns)) {
      const files = Object.fromEntries([...matching, ...others].map((path) => [path, 'found']));
      await grow({ targets: { to: [{ name: 'role', paths: [pattern] }] }, role: { files } });
      const updater = repository.client();
      for (const path of matching) expect(await updater.findTarget(path), `${pattern} for ${path}`).toBeDefined();
      for (const path of others) expect(await updater.findTarget(path), `${pattern} not for ${path}`).toBeUndefined();
    }
  });

  test('a pattern made to be slow is not', async () => {
    const path = `${'a'.repeat(1_000)}b`;
    await grow({ targets: { to: [{ name: 'role', paths: ['a*'.repeat(400), '*a'.repeat(500), '*'.repeat(10_000)] }] }, role: {} });
    const start = performance.now();
    expect(await client().findTarget(path)).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(SLOW);
  });

  const hashOf = (path: string) => createHash('sha256').update(path).digest('hex');

  test('path_hash_prefixes leave a path to the roles whose prefix its hash has, in their order', async () => {
    const path = 'a/b/found.js';
    const hash = hashOf(path);
    const other = hash.startsWith('0') ? '1' : '0';
    const role = (name: string, ...prefixes: string[]) => ({
      name,
      keyids: [one.keyid],
      threshold: 1,
      terminating: false,
      path_hash_prefixes: prefixes,
    });
    const roles = [
      role('not', other, `${hash.slice(0, 3)}x`),
      role('long', hash.slice(0, 9)),
      role('short', other, hash.slice(0, 1)),
      role('whole', hash),
    ];
    const delegations = { keys: { [one.keyid]: one.key }, roles };
    await grow({ not: { files: { [path]: 'x' } }, long: {}, short: {}, whole: { files: { [path]: 'whole' } } }, { delegations });
    expect((await client().findTarget(path))?.length).toBe(5);
    expect(rolesAsked(repository)).toEqual(['long', 'short', 'whole']);
  });

  test('succinct roles leave a path to one bin of as many as there are', async () => {
    const paths = ['a.js', 'a/b.js', 'constructor', 'é'];
    for (const [bits, digits] of [
      [1, 1],
      [8, 2],
      [14, 4],
      [32, 8],
    ] as const) {
      const binOf = (path: string) => {
        const number = Math.floor(Number.parseInt(hashOf(path).slice(0, 8), 16) / 2 ** (32 - bits));
        return `bin-${number.toString(16).padStart(digits, '0')}`;
      };
      const bins = new Map(
        paths.map((path) => [
          binOf(path),
          { files: Object.fromEntries(paths.filter((p) => binOf(p) === binOf(path)).map((p) => [p, 'x'])) },
        ]),
      );
      const wrong = { files: { 'elsewhere.js': 'x' } };
      const succinct_roles = { keyids: [one.keyid], threshold: 1, bit_length: bits, name_prefix: 'bin' };
      const elsewhere = Object.fromEntries(
        [...bins].map(([name, { files }]) => [
          name,
          { files: binOf('elsewhere.js') === name ? files : { ...files, ...wrong.files } },
        ]),
      );
      await grow(
        { [binOf('elsewhere.js')]: {}, ...elsewhere },
        { delegations: { keys: { [one.keyid]: one.key }, succinct_roles } },
      );
      for (const path of paths) {
        repository.requests.length = 0;
        expect(await repository.client().findTarget(path), `${bits} ${path}`).toBeDefined();
        expect(rolesAsked(repository)).toEqual([binOf(path)]);
      }
      expect(await repository.client().findTarget('elsewhere.js')).toBeUndefined();
    }
  });

  test('that are neither, or both, or name a role twice, make their delegator malformed', async () => {
    const bins = { keyids: [one.keyid], threshold: 1, bit_length: 4, name_prefix: 'bin' };
    const { delegations } = delegateTo({ name: 'role', signers: [one] });
    const [role] = delegations.roles as [JsonObject];
    const wrong: JsonObject[] = [
      {},
      { succinct_roles: bins },
      { roles: [role, role] },
      { roles: [{ ...role, path_hash_prefixes: ['a'] }] },
      { roles: [{ ...role, terminating: 1 }] },
      { roles: [{ ...role, paths: 'a' }] },
      { roles: [{ ...role, paths: [1] }] },
      { roles: {} },
      ...[0, 33, -1, '8', null].map((bit_length) => ({ roles: null, succinct_roles: { ...bins, bit_length } })),
    ];
    for (const change of wrong) {
      const { roles: _, ...rest } = delegations;
      const field = 'roles' in change || 'succinct_roles' in change ? { ...delegations, ...change } : rest;
      if (field.roles === null) delete field.roles;
      await publishTree(repository, { delegations: field }, {});
      await expect(client().refresh(), JSON.stringify(change)).rejects.toEqual(refusal('malformed'));
      expect(store.saved).not.toContain('targets');
    }
    const metadata = { role: await roleMetadata(1, { 'a.js': 'a' }, [one]) };
    await publishTree(repository, { delegations }, metadata);
    expect(await client().findTarget('a.js')).toBeDefined();
    // One for no path is no harm.
    for (const none of [{ paths: [] }, { path_hash_prefixes: [] }, {}]) {
      const { paths: _, ...pathless } = role;
      await publishTree(repository, { delegations: { ...delegations, roles: [{ ...pathless, ...none }] } }, metadata);
      expect(await client().findTarget('a.js')).toBeUndefined();
    }
  });
});
