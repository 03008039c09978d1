import { existsSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin, ResolvedConfig } from 'vite';
import { publishText } from './cli-output.js';
import { DEFAULT_PROJECT } from './project.js';
import { type PublishOptions, publish } from './publish.js';
import { checkBase } from './site.js';

/** Options of the plugin: those of `publish`, except what Vite's configuration says already. */
export interface VouchsafeOptions
  extends Pick<PublishOptions, 'fallback' | 'passthrough' | 'headers' | 'offlineSeconds' | 'expires' | 'bundles'> {
  /** Folder to write: what gets deployed, instead of `build.outDir`. Relative to Vite's root; `published` by default. */
  readonly out?: string;
  /** Project folder with the keys. Relative to Vite's root; `vouchsafe` by default. */
  readonly project?: string;
}

/** What `register()` is in development: Vite's dev server serves files that nobody has signed, so there is nothing to verify. */
const REGISTER_DEV = fileURLToPath(new URL('../window/register-dev.js', import.meta.url));

/**
 * A Vite plugin that signs what `vite build` wrote and makes the site to deploy, as `vouchsafe publish` does. With the development server
 * `register()` does nothing.
 *
 * @param options see there
 * @returns the plugin
 */
export function vouchsafe(options: VouchsafeOptions = {}): Plugin {
  let config: ResolvedConfig;
  let buildFailed = false;
  return {
    name: 'vouchsafe',
    config(_config, { command }) {
      if (command !== 'serve') return;
      // Only the bare name: `vouchsafe/tuf` and the rest stay what they are.
      return { resolve: { alias: [{ find: /^vouchsafe$/, replacement: REGISTER_DEV }] }, optimizeDeps: { exclude: ['vouchsafe'] } };
    },
    configResolved(resolved) {
      config = resolved;
      // Said before the build rather than after it.
      if (resolved.command === 'build' && !resolved.build.ssr) checkBase(resolved.base);
    },
    buildStart() {
      buildFailed = false;
    },
    // Vite calls closeBundle after a failed build too; what is in outDir then is half of a build, or the previous one.
    buildEnd(error) {
      if (error !== undefined) buildFailed = true;
    },
    renderError() {
      buildFailed = true;
    },
    closeBundle: {
      // After the plugins that still write into outDir at this point.
      order: 'post',
      sequential: true,
      async handler() {
        if (buildFailed || config.command !== 'build' || !isClientBuild(config, this.environment)) return;
        const at = (folder: string): string => (isAbsolute(folder) ? folder : resolve(config.root, folder));
        const directory = at(config.build.outDir);
        const out = at(options.out ?? 'published');
        const report = await publish({
          ...options,
          directory,
          out,
          project: at(options.project ?? DEFAULT_PROJECT),
          base: config.base,
          fallback: options.fallback ?? fallbackOf(config, directory),
        });
        config.logger.info(`\n${publishText(report, out)}`);
        for (const warning of report.warnings) config.logger.warn(`vouchsafe: ${warning}`);
      },
    },
  };
}

/** A server-side build is no site. Vite runs one build for each environment, or one for all with `build.ssr`. */
function isClientBuild(config: ResolvedConfig, environment: { readonly name: string } | undefined): boolean {
  return !config.build.ssr && (environment === undefined || environment.name === 'client');
}

/** The dev server's rule for unknown paths, so that what worked there works when it is published. */
function fallbackOf(config: ResolvedConfig, directory: string): string | false {
  // Vite calls any app a single-page app unless told otherwise, also one without an index.html.
  return config.appType === 'spa' && existsSync(join(directory, 'index.html')) ? 'index.html' : false;
}
