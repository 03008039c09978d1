import { fileURLToPath } from 'node:url';
import { build, type InlineConfig, type Plugin } from 'vite';

/** The repository's root: this file is in `src/demo` or, compiled, in `dist/demo`. */
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const NAMES = ['Amber', 'Birch', 'Coral', 'Dune', 'Ember', 'Fern', 'Garnet', 'Heath', 'Iris', 'Juniper'] as const;

const releaseFile = (release: number): Plugin => ({
  name: 'demo-release-file',
  generateBundle() {
    const name = NAMES[(release - 1) % NAMES.length];
    const notes = `release ${release} of the demo. Its scripts and this file differ from those of release ${release - 1}.`;
    this.emitFile({ type: 'asset', fileName: 'release.json', source: `${JSON.stringify({ release, name, notes })}\n` });
  },
});

// Hashes in file names would tell two releases' files apart before the signatures have to: without them a server can lie better.
const names = { entryFileNames: 'assets/[name].js', chunkFileNames: 'assets/[name].js', assetFileNames: 'assets/[name][extname]' };

const config = (folder: string, outDir: string): InlineConfig => ({
  root: `${ROOT}src/demo/${folder}`,
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir,
    emptyOutDir: true,
    target: 'es2022',
    // Every file is one that a server can change.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: names },
  },
});

/**
 * Builds the demo app.
 *
 * @param release its number, from 1
 * @param outDir folder to write; emptied first
 */
export async function buildApp(release: number, outDir: string): Promise<void> {
  await build({
    ...config('app', outDir),
    publicDir: `${ROOT}public`,
    define: { RELEASE: String(release) },
    plugins: [releaseFile(release)],
    worker: { format: 'es', rolldownOptions: { output: names } },
  });
}

/**
 * Builds the attacker's console.
 *
 * @param outDir folder to write; emptied first
 */
export async function buildConsole(outDir: string): Promise<void> {
  await build({ ...config('console', outDir), publicDir: false });
}
