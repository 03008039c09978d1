import { stat } from 'node:fs/promises';
import { build, createServer, type InlineConfig, type Plugin, resolveConfig } from 'vite';
import { describe, expect, test } from 'vitest';
import { type VouchsafeOptions, vouchsafe } from '../../src/node/vite-plugin.js';
import { Workspace } from './workspace.js';

const app = { 'index.html': '<script type="module" src="./main.js"></script>', 'main.js': 'console.log("app")' };

/** A Vite app with a project, and its configuration. */
const viteApp = async (
  options: VouchsafeOptions = {},
  more: InlineConfig = {},
): Promise<{ workspace: Workspace; config: InlineConfig }> => {
  const workspace = await Workspace.make(app);
  await workspace.init({ project: workspace.path('app/vouchsafe'), now: Date.now });
  const plugins = [vouchsafe({ bundles: workspace.path('bundles'), ...options }), more.plugins ?? []];
  const config: InlineConfig = { root: workspace.path('app'), configFile: false, logLevel: 'silent', ...more, plugins };
  return { workspace, config };
};

const exists = async (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

describe('the Vite plugin', { timeout: 30_000 }, () => {
  test('signs what the build wrote, at the end', async () => {
    // A plugin that writes at the last moment, as those for precompression and sitemaps do.
    const late: Plugin = {
      name: 'late',
      async closeBundle() {
        await workspace.write('app/dist', { 'sitemap.xml': '<urlset/>' });
      },
    };
    // And one that is listed before ours, and comes as late as a plugin can.
    const latest: Plugin = {
      name: 'latest',
      enforce: 'post',
      closeBundle: {
        order: 'post',
        sequential: true,
        handler: () => workspace.write('app/dist', { 'latest.js': 'latest' }),
      },
    };
    const { workspace, config } = await viteApp({ headers: [{ path: '**', set: { 'x-a': 'b' } }] }, { plugins: [late] });
    await build({ ...config, plugins: [latest, ...(config.plugins ?? [])] });
    const files = await workspace.list('app/published');
    expect(files.map((path) => path.replace(/[0-9a-f]{64}/, 'HASH').replace(/index-[\w-]+\.js/, 'index.js'))).toEqual(
      expect.arrayContaining([
        'index.html',
        'vouchsafe-worker.js',
        'vouchsafe/metadata/timestamp.json',
        'vouchsafe/targets/HASH.latest.js',
        'vouchsafe/targets/HASH.sitemap.xml',
        'vouchsafe/targets/assets/HASH.index.js',
      ]),
    );
    const manifest = files.find((path) => path.endsWith('.vouchsafe.json'));
    expect(await workspace.read(`app/published/${manifest}`)).toContain('"fallback": "index.html"');
    expect(await workspace.read(`app/published/${manifest}`)).toContain('"x-a": "b"');
  });

  test('takes policy and delivery', async () => {
    const { workspace, config } = await viteApp({ csp: { trustedTypes: ['p'] }, delivery: 'progressive' });
    await build(config);
    const manifest = (await workspace.list('app/published')).find((path) => path.endsWith('.vouchsafe.json'));
    expect(await workspace.read(`app/published/${manifest}`)).toContain('trusted-types vouchsafe p');
    expect(await workspace.read('app/published/index.html')).toContain('<script type="module"');
  });

  test('takes what releases do in browsers', async () => {
    const { workspace, config } = await viteApp({ activation: 'immediate', lookSeconds: 5, navigation: { deny: ['api/**'] } });
    await build(config);
    const manifest = (await workspace.list('app/published')).find((path) => path.endsWith('.vouchsafe.json'));
    expect(JSON.parse(await workspace.read(`app/published/${manifest}`))).toMatchObject({
      activation: 'immediate',
      look_seconds: 5,
      navigation: { fallback: 'index.html', deny: ['api/**'] },
    });
  });

  test('publishes to the base and folders of the configuration', async () => {
    const { workspace, config } = await viteApp(
      { out: '../deploy' },
      { base: '/docs/', appType: 'mpa', build: { outDir: 'built' } },
    );
    await build(config);
    expect(await workspace.read('deploy/index.html')).toContain('data-base="/docs/"');
    const manifest = (await workspace.list('deploy')).find((path) => path.endsWith('.vouchsafe.json'));
    expect(await workspace.read(`deploy/${manifest}`)).not.toContain('fallback');
  });

  test.each([
    [undefined, '/vouchsafe-worker.js'],
    ['/docs', '/docs/vouchsafe-worker.js'],
    ['/docs/', '/docs/vouchsafe-worker.js'],
  ])('with the base %j register() finds the worker at %s', async (base, worker) => {
    const { workspace, config } = await viteApp({}, { ...(base !== undefined && { base }) });
    await workspace.write('app', { 'main.js': 'console.log(__VOUCHSAFE_WORKER__)' });
    await build(config);
    const script = (await workspace.list('app/dist')).find((path) => path.endsWith('.js'));
    expect(await workspace.read(`app/dist/${script}`)).toContain(JSON.stringify(worker).slice(1, -1));
    expect(await exists(workspace.path('app/published/vouchsafe-worker.js'))).toBe(true);
  });

  test('a single-page app without an index.html has no fallback rather than a failure', async () => {
    const { workspace, config } = await viteApp();
    await workspace.write('app', { 'start.html': 'page' });
    await build({ ...config, build: { rollupOptions: { input: workspace.path('app/start.html') } } });
    expect(await exists(workspace.path('app/published/start.html'))).toBe(true);
  });

  test.each(['buildStart', 'transform', 'renderChunk', 'generateBundle', 'writeBundle'])(
    'publishes nothing when the build fails in %s',
    async (hook) => {
      const broken = {
        name: 'broken',
        [hook]() {
          throw new Error('broken build');
        },
      };
      const { workspace, config } = await viteApp({}, { plugins: [broken] });
      // What an earlier build left there must not be signed either.
      await workspace.write('app/dist', { 'index.html': 'stale' });
      await expect(build(config)).rejects.toThrow('broken build');
      expect(await exists(workspace.path('app/published'))).toBe(false);
    },
  );

  test('publishes nothing for a server-side build', async () => {
    const { workspace, config } = await viteApp();
    await build({ ...config, build: { ssr: workspace.path('app/main.js') } });
    expect(await exists(workspace.path('app/dist'))).toBe(true);
    expect(await exists(workspace.path('app/published'))).toBe(false);
  });

  test('publishes the client once when Vite builds several environments', async () => {
    const { workspace, config } = await viteApp();
    const { createBuilder } = await import('vite');
    const builder = await createBuilder({
      ...config,
      builder: {},
      environments: { server: { build: { ssr: workspace.path('app/main.js'), outDir: workspace.path('app/dist-server') } } },
    });
    await builder.buildApp();
    for (const environment of Object.values(builder.environments)) if (!environment.isBuilt) await builder.build(environment);
    expect(await exists(workspace.path('app/dist-server'))).toBe(true);
    const { signed } = JSON.parse(await workspace.read('app/published/vouchsafe/metadata/timestamp.json'));
    expect(signed.version).toBe(1);
  });

  test('without keys the build fails and names the command', async () => {
    const workspace = await Workspace.make(app);
    const config: InlineConfig = { root: workspace.path('app'), configFile: false, logLevel: 'silent', plugins: [vouchsafe()] };
    await expect(build(config)).rejects.toThrow('npx vouchsafe init');
  });

  test.each(['./', '', 'https://cdn.example/'])('the base %j fails before the build', async (base) => {
    const { workspace, config } = await viteApp({}, { base });
    await expect(build(config)).rejects.toThrow('base');
    expect(await exists(workspace.path('app/dist'))).toBe(false);
  });

  test('with the development server, register() is the one that does nothing; a build has the real one', async () => {
    const { config } = await viteApp();
    const server = await createServer({ ...config, server: { middlewareMode: true, ws: false } });
    try {
      expect((await server.pluginContainer.resolveId('vouchsafe'))?.id).toMatch(/window\/register-dev\.[jt]s$/);
      expect((await server.pluginContainer.resolveId('vouchsafe/tuf'))?.id ?? '').not.toMatch(/register-dev/);
    } finally {
      await server.close();
    }
    const { resolve } = await resolveConfig(config, 'build');
    expect(resolve.alias.filter(({ find }) => String(find).includes('vouchsafe'))).toEqual([]);
  });
});
