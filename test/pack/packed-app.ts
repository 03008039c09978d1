import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const execute = promisify(execFile);

/** An app outside this repository, made with the package as npm would install it. */
export interface PackedApp {
  /** The app's folder. */
  readonly folder: string;
  /** The published site. */
  readonly out: string;
  /** Runs a command in the app's folder. */
  run(command: string, ...args: readonly string[]): Promise<string>;
  remove(): Promise<void>;
}

const APP = {
  'index.html':
    '<!doctype html><title>Packed</title><link rel="icon" href="data:,"><h1>Not started</h1><script type="module" src="/main.js"></script>',
  // The three lines: one here, two in the configuration.
  'main.js': `import { register } from 'vouchsafe';
await register();
document.querySelector('h1').textContent = (await import('./lazy.js')).words;`,
  'lazy.js': `export const words = 'Runs from verified bytes';`,
  'vite.config.js': `import { vouchsafe } from 'vouchsafe/vite';
export default { plugins: [vouchsafe()] };`,
};

/**
 * Packs this repository as it was last built, installs the tarball into a fresh Vite app in a temporary folder, makes a project and builds.
 * It takes what npm has cached and asks the registry for the rest.
 *
 * @returns the app, built and published
 */
export async function packedApp(): Promise<PackedApp> {
  const folder = await mkdtemp(join(tmpdir(), 'vouchsafe-packed-'));
  const run = async (command: string, ...args: readonly string[]): Promise<string> => {
    // Out of the sight of the npm and vitest that run this.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|VITEST|NODE_ENV|NODE_OPTIONS|INIT_CWD)/i.test(name));
    try {
      return (await execute(command, args, { cwd: folder, env: Object.fromEntries(inherited), maxBuffer: 64_000_000 })).stdout;
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
    }
  };
  const { devDependencies } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  for (const [path, content] of Object.entries(APP)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'packed-app', private: true, type: 'module' }));
  // Without scripts: what was built is tested, and building again would pull the files away from under other tests.
  const [{ filename }] = JSON.parse(await run('npm', 'pack', ROOT, '--ignore-scripts', '--json')) as [{ filename: string }];
  const tools = ['vite', 'typescript', '@types/node'].map((name) => `${name}@${devDependencies[name]}`);
  await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', '--save-dev', `./${filename}`, ...tools);
  await run('npx', '--no-install', 'vouchsafe', 'init');
  await run('npx', '--no-install', 'vite', 'build');
  return { folder, out: join(folder, 'published'), run, remove: () => rm(folder, { recursive: true, force: true }) };
}
