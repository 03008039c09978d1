import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@playwright/test';
import sirv from 'sirv';
import type * as Ed25519 from '../../dist/tuf/ed25519.js';
import type * as Ed25519Noble from '../../dist/tuf/ed25519-noble.js';
import type * as KeyModule from '../../dist/tuf/key.js';
import type { MetadataStore, Updater } from '../../dist/tuf/updater.js';

// The client core as it was built, in a page of a real browser, against the vectors and a repository of others.

const DATA = new URL('../../../shared/data/', import.meta.url);
const DIST = new URL('../../dist/tuf/', import.meta.url);
const NOBLE = new URL('../../node_modules/@noble/', import.meta.url);
const IMPORTS = { '@noble/ed25519': '/noble/ed25519/index.js', '@noble/hashes/': '/noble/hashes/' };
const PAGE = `<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>`;

/** As far as it is used of a file of Wycheproof vectors. */
interface VectorFile {
  readonly testGroups: readonly {
    /** Ed25519: `pk`; ECDSA: `uncompressed`. Both hex. */
    readonly publicKey: { readonly pk: string; readonly uncompressed?: string };
    readonly publicKeyPem: string;
    readonly tests: readonly { readonly tcId: number; readonly msg: string; readonly sig: string; readonly result: string }[];
  }[];
}

let server: Server;
let origin: string;

test.skip(!existsSync(DATA), '../shared/data is kept beside the project, and is not here');

test.beforeAll(async () => {
  const folders = Object.entries({ '/tuf': DIST, '/noble': NOBLE, '/data': DATA }).map(
    ([prefix, folder]) => [prefix, sirv(folder.pathname, { dev: true })] as const,
  );
  server = createServer((request, response) => {
    const url = request.url ?? '';
    const [prefix, serve] = folders.find(([start]) => url.startsWith(`${start}/`)) ?? ['', undefined];
    if (!serve) return response.setHeader('content-type', 'text/html').end(PAGE);
    request.url = url.slice(prefix.length);
    return serve(request, response, () => {
      response.writeHead(404).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  origin = `http://localhost:${(server.address() as AddressInfo).port}`;
});

test.afterAll(() => new Promise((resolve) => server.close(resolve)));

test('B2 the ed25519 vectors have exactly their verdict in the browser: the client with and without WebCrypto, WebCrypto and noble alone', async ({
  page,
}) => {
  await page.goto(origin);
  const outcome = await page.evaluate(async () => {
    const load = <T>(path: string): Promise<T> => import(path);
    const { isStrictPublicKey, verifyEd25519, verifyWithWebCrypto } = await load<typeof Ed25519>('/tuf/ed25519.js');
    const { verifyWithNoble } = await load<typeof Ed25519Noble>('/tuf/ed25519-noble.js');
    const { parseKey } = await load<typeof KeyModule>('/tuf/key.js');
    const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    const { testGroups } = (await (await fetch('/data/vectors/ed25519_test.json')).json()) as VectorFile;
    const vectors = testGroups.flatMap(({ publicKey, tests }) => tests.map((vector) => ({ ...vector, publicKey: publicKey.pk })));
    const counts: Record<string, number> = {};
    const mismatches: string[] = [];
    const check = async (by: string, verify: (key: Uint8Array, sig: Uint8Array, msg: Uint8Array) => Promise<boolean>) => {
      for (const { tcId, publicKey, msg, sig, result } of vectors) {
        const [key, signature] = [bytes(publicKey), bytes(sig)];
        // Engines alone may differ where the client decides before it asks one.
        if (by.endsWith('alone') && (!isStrictPublicKey(key) || signature.length !== 64)) continue;
        counts[by] = (counts[by] ?? 0) + 1;
        const verdict = await verify(key, signature, bytes(msg));
        if (verdict !== (result === 'valid')) mismatches.push(`${by} ${tcId}: ${verdict}`);
      }
    };
    const hex = (value: Uint8Array) => Array.from(value, (byte) => byte.toString(16).padStart(2, '0')).join('');
    await check('client', verifyEd25519);
    await check('key', async (key, signature, message) => {
      const tufKey = parseKey({ keytype: 'ed25519', scheme: 'ed25519', keyval: { public: hex(key) } });
      return tufKey ? tufKey.verify(hex(signature), message) : false;
    });
    await check('WebCrypto alone', verifyWithWebCrypto);
    await check('noble alone', verifyWithNoble);
    // What an older engine says, to a client that has not asked it yet.
    let isAsked = false;
    crypto.subtle.importKey = () => {
      isAsked = true;
      return Promise.reject(new DOMException('no Ed25519', 'NotSupportedError'));
    };
    const again = await load<typeof Ed25519>('/tuf/ed25519.js?again');
    await check('client without WebCrypto', again.verifyEd25519);
    return { counts, mismatches, isAsked };
  });
  const counts = { client: 151, key: 151, 'WebCrypto alone': 139, 'noble alone': 139, 'client without WebCrypto': 151 };
  expect(outcome).toEqual({ counts, mismatches: [], isAsked: true });
});

for (const { type, scheme, name, count } of [
  { type: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', name: 'ecdsa_secp256r1_sha256_test.json', count: 2 * 484 },
  { type: 'rsa', scheme: 'rsassa-pss-sha256', name: 'rsa_pss_2048_sha256_mgf1_32_test.json', count: 108 },
  { type: 'rsa', scheme: 'rsassa-pss-sha256', name: 'rsa_pss_4096_sha256_mgf1_32_test.json', count: 108 },
]) {
  test(`B2 the vectors ${name} have exactly their verdict through WebCrypto in the browser`, async ({ page }) => {
    await page.goto(origin);
    const outcome = await page.evaluate(
      async ({ type, scheme, name }) => {
        const load = <T>(path: string): Promise<T> => import(path);
        const { parseKey } = await load<typeof KeyModule>('/tuf/key.js');
        const bytes = (hex: string) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
        const { testGroups } = (await (await fetch(`/data/vectors/${name}`)).json()) as VectorFile;
        let count = 0;
        const mismatches: string[] = [];
        for (const { publicKey, publicKeyPem, tests } of testGroups) {
          const spellings = [publicKeyPem, ...(publicKey.uncompressed === undefined ? [] : [publicKey.uncompressed])];
          for (const spelling of spellings) {
            const key = parseKey({ keytype: type, scheme, keyval: { public: spelling } });
            for (const { tcId, msg, sig, result } of tests) {
              count++;
              const verdict = await key?.verify(sig, bytes(msg));
              if (verdict !== (result === 'valid')) mismatches.push(`${tcId}: ${verdict}`);
            }
          }
        }
        return { count, mismatches };
      },
      { type, scheme, name },
    );
    expect(outcome).toEqual({ count, mismatches: [] });
  });
}

const roots = [6, 7, 8, 9, 10, 11, 12].map((version) => `root ${version}`);
for (const { name, root, start, saved } of [
  { name: 'sigstore', root: 'metadata/5.root.json', start: 'root 5', saved: [...roots, 'timestamp', 'snapshot', 'targets'] },
  { name: 'tuf-on-ci', root: 'initial_root.json', start: 'root 1', saved: ['timestamp', 'snapshot', 'targets', 'delegatedrole'] },
]) {
  test(`a whole client in a page fetches the target of the repository ${name}, and refuses it with a byte changed`, async ({
    page,
  }) => {
    const folder = new URL(`repositories/${name}/`, DATA);
    const read = (file: string) => readFileSync(new URL(file, folder), 'utf8').trim();
    const path = read('targetpath');
    await page.goto(origin);
    const outcome = await page.evaluate(
      async ({ path, base, root, now }) => {
        const load = <T>(path: string): Promise<T> => import(path);
        const { Updater: Client } = await load<{ Updater: typeof Updater }>('/tuf/updater.js');
        const saved: string[] = [];
        const kept = new Map<string, Uint8Array>();
        const save = (name: string, bytes: Uint8Array) => {
          saved.push(name);
          kept.set(name, bytes);
        };
        const store: MetadataStore = {
          loadRoot: async (version) => kept.get(`root ${version}`),
          loadRole: async (role) => kept.get(role),
          saveRoot: async (version, bytes) => save(`root ${version}`, bytes),
          saveRole: async (role, bytes) => save(role, bytes),
        };
        const trustedRoot = new Uint8Array(await (await fetch(base + root)).arrayBuffer());
        const client = (answer: (response: Response) => Promise<Response>) =>
          new Client({
            root: trustedRoot,
            store,
            fetch: async (url, init) => answer(await fetch(url, init)),
            metadataUrl: `${base}metadata/`,
            targetsUrl: `${base}targets/`,
            now: () => now,
          });
        const download = async (by: Updater) => {
          const target = await by.findTarget(path);
          if (!target) throw new Error('it is listed');
          return by.downloadTarget(target);
        };
        const bytes = await download(client(async (response) => response));
        const changed = client(async (response) => {
          if (!response.url.includes('/targets/')) return response;
          const body = new Uint8Array(await response.arrayBuffer());
          body[0] = (body[0] ?? 0) ^ 1;
          return new Response(body);
        });
        const refusal = await download(changed).then(
          () => 'accepted',
          (error: { code: string; facts: object }) => ({ code: error.code, facts: error.facts }),
        );
        return { saved, text: new TextDecoder().decode(bytes), refusal };
      },
      { path, base: `${origin}/data/repositories/${name}/`, root, now: Date.parse(read('faketime')) },
    );
    // The root that came with the program may be saved too.
    expect(outcome.saved.filter((item) => item !== start)).toEqual(saved);
    const hash = createHash('sha256').update(outcome.text).digest('hex');
    // The publisher's tool wrote the hash into the file's name.
    expect(existsSync(new URL(`targets/${path.replace(/[^/]*$/, (file) => `${hash}.${file}`)}`, folder))).toBe(true);
    expect(outcome.refusal).toMatchObject({ code: 'mismatch', facts: { path, expected: expect.stringContaining(hash) } });
  });
}
