import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { canInstall, findExecutable, install, MissingBrowser } from '../browser/browsers.js';

/** The executables that the WebKit tests need, as paths. */
export interface WebKit {
  /** WebKit's WebDriver server. */
  readonly driver: string;
  /** The small browser that comes with WebKitGTK. */
  readonly browser: string;
  /** An X server without a screen. */
  readonly xvfb: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Finds WebKitGTK, its driver and Xvfb where Linux distributions put them, or, on Debian as root, installs the distribution's packages.
 *
 * @param environment the process's environment
 * @returns the executables; undefined when there are none and none could be installed
 * @throws MissingBrowser for the same when `CI` is `true`
 */
export function findWebKit(environment: Environment): WebKit | undefined {
  let webkit = findInstalled(environment);
  if (!webkit && canInstall()) {
    install(['webkit2gtk-driver', 'xvfb']);
    webkit = findInstalled(environment);
  }
  if (!webkit && environment.CI === 'true') {
    throw new MissingBrowser('With CI=true the browser tests need WebKitGTK too: install webkit2gtk-driver and xvfb.');
  }
  return webkit;
}

function findInstalled(environment: Environment): WebKit | undefined {
  if (process.platform !== 'linux') return undefined;
  const driver = findExecutable(['WebKitWebDriver'], environment);
  const xvfb = findExecutable(['Xvfb'], environment);
  const browser = findExecutable(miniBrowsers(), environment);
  return driver && xvfb && browser ? { driver, browser, xvfb } : undefined;
}

/** It is in no folder of the PATH: Fedora has it in /usr/libexec, Arch in /usr/lib, Debian in the folder of the machine's architecture. */
function miniBrowsers(): string[] {
  const folders = [
    '/usr/libexec',
    '/usr/lib',
    ...(existsSync('/usr/lib') ? readdirSync('/usr/lib').map((name) => `/usr/lib/${name}`) : []),
  ];
  return folders.map((folder) => join(folder, 'webkit2gtk-4.1/MiniBrowser'));
}
