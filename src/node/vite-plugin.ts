import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Plugin, ResolvedConfig } from 'vite';
import { WORKER_SCRIPT } from '../release/config.js';
import { publishText } from './cli-output.js';
import type { DeliveryOptions } from './delivery.js';
import { DEFAULT_PROJECT } from './project.js';
import { type PublishOptions, publish } from './publish.js';
import type { ServingConfig } from './serving-config.js';
import { checkBase } from './site.js';

/** Options of the plugin: those of `publish`, except what Vite's configuration says already. */
export interface VouchsafeOptions
  extends Pick<PublishOptions, 'fallback' | 'passthrough' | 'mirrors' | 'headers' | 'offlineSeconds' | 'expires' | 'bundles'>,
    Omit<DeliveryOptions, 'tombstone'>,
    ServingConfig {
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
  // Vite calls closeBundle after a failed build too, when outDir holds half of a build or an earlier one. So a build counts only when every
  // other plugin's writeBundle has come to its end.
  const complete = new Set<string>();
  return {
    name: 'vouchsafe',
    // Among the plugins that write into outDir as late as this one, the list decides: one that stands before this one has written by then.
    enforce: 'post',
    config({ base }, { command }) {
      // For `register()` in a page that no worker controls yet; `configResolved` refuses what is no path.
      if (command !== 'serve') {
        return { define: { __VOUCHSAFE_WORKER__: JSON.stringify(`${base ?? '/'}/${WORKER_SCRIPT}`.replace(/\/+/g, '/')) } };
      }
      // Only the bare name: `vouchsafe/tuf` and the rest stay what they are.
      return { resolve: { alias: [{ find: /^vouchsafe$/, replacement: REGISTER_DEV }] }, optimizeDeps: { exclude: ['vouchsafe'] } };
    },
    configResolved({ command, build, base }) {
      // Said before the build rather than after it.
      if (command === 'build' && !build.ssr) checkBase(base);
    },
    buildStart() {
      complete.delete(this.environment.name);
    },
    writeBundle: {
      order: 'post',
      sequential: true,
      handler() {
        complete.add(this.environment.name);
      },
    },
    closeBundle: {
      // After the plugins that still write into outDir at this point.
      order: 'post',
      sequential: true,
      async handler() {
        const { name, config } = this.environment;
        // A build for a server is no site.
        if (config.consumer !== 'client' || !complete.delete(name)) return;
        const at = (folder: string): string => resolve(config.root, folder);
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
        config.logger.info(`\n${publishText(report, relative(process.cwd(), out))}`);
        for (const warning of report.warnings) config.logger.warn(`vouchsafe: ${warning}`);
      },
    },
  };
}

/** The dev server's rule for unknown paths, so that what worked there works when it is published. */
function fallbackOf({ appType }: Pick<ResolvedConfig, 'appType'>, directory: string): string | false {
  // Vite calls any app a single-page app unless told otherwise, also one without an index.html.
  return appType === 'spa' && existsSync(join(directory, 'index.html')) ? 'index.html' : false;
}
