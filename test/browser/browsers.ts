import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { chromium } from '@playwright/test';

/** The browsers that the tests run in, as paths of executables. */
export interface Browsers {
  readonly chromium: string;
  /** Undefined when there is none and none could be installed. */
  readonly firefox: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const CANDIDATES = {
  chromium: [
    'chromium',
    'chromium-browser',
    'google-chrome',
    'google-chrome-stable',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
    'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
  ],
  firefox: [
    'firefox-esr',
    'firefox',
    '/Applications/Firefox.app/Contents/MacOS/firefox',
    'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
  ],
} as const;

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** Whether it starts at all: some distributions put a script of this name there that only says what to install. */
const starts = (path: string): boolean => {
  if (process.platform === 'win32') return true;
  try {
    execFileSync(path, ['--version'], { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
};

/**
 * Finds an executable.
 *
 * @param candidates names, to be looked for in the folders of the `PATH`, and absolute paths; the first that is there is taken
 * @param environment the process's environment
 * @param accept what else has to hold for the path
 * @returns its path
 */
export function findExecutable(
  candidates: readonly string[],
  environment: Environment,
  accept: (path: string) => boolean = () => true,
): string | undefined {
  const folders = (environment.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return candidates
    .flatMap((candidate) => (isAbsolute(candidate) ? [candidate] : folders.map((folder) => join(folder, candidate))))
    .find((path) => isExecutable(path) && accept(path));
}

const findChosen = (variable: string, environment: Environment): string | undefined => {
  const path = environment[variable];
  if (path === undefined || path === '') return undefined;
  if (!isExecutable(path))
    throw new MissingBrowser(`${variable} names ${path}, which is not an executable file: correct or unset it.`);
  return path;
};

/** Nothing to test in. The message is one sentence that says what to do. */
export class MissingBrowser extends Error {
  override readonly name = 'MissingBrowser';
}

const findChromium = (environment: Environment): string | undefined => {
  const found = findChosen('CHROMIUM_PATH', environment) ?? findExecutable(CANDIDATES.chromium, environment, starts);
  if (found !== undefined) return found;
  const own = chromium.executablePath();
  return own !== '' && existsSync(own) ? own : undefined;
};

const findFirefox = (environment: Environment): string | undefined =>
  findChosen('FIREFOX_PATH', environment) ?? findExecutable(CANDIDATES.firefox, environment, starts);

/** Whether `install` can work here: as root on Debian. */
export const canInstall = (): boolean =>
  process.getuid?.() === 0 && existsSync('/etc/os-release') && /^ID=debian$/m.test(readFileSync('/etc/os-release', 'utf8'));

/** Installs Debian packages. Says so when it cannot, and does not throw: whoever needs them looks again. */
export const install = (packages: readonly string[]): void => {
  console.log(`Installing ${packages.join(' and ')} to test in (apt-get, once).`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'inherit'], env };
  try {
    execFileSync('apt-get', ['update', '-qq'], options);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
  } catch {
    console.log('apt-get failed; going on with what is there.');
  }
};

/**
 * Finds a Chromium and a Firefox: the paths in `CHROMIUM_PATH` and `FIREFOX_PATH`, else what is installed, else Playwright's own
 * Chromium, else, on Debian as root, installs the distribution's packages.
 *
 * @param environment the process's environment
 * @returns the executables
 * @throws MissingBrowser without any Chromium, and without a Firefox when `CI` is `true`
 */
export function findBrowsers(environment: Environment): Browsers {
  let browsers = { chromium: findChromium(environment), firefox: findFirefox(environment) };
  const missing = [browsers.chromium ? [] : ['chromium'], browsers.firefox ? [] : ['firefox-esr']].flat();
  if (missing.length > 0 && canInstall()) {
    install(missing);
    browsers = { chromium: findChromium(environment), firefox: findFirefox(environment) };
  }
  if (browsers.chromium === undefined) {
    throw new MissingBrowser(
      'The browser tests need Chromium: install chromium (and firefox-esr) with your package manager, run `npx playwright install chromium`, or set CHROMIUM_PATH (and FIREFOX_PATH).',
    );
  }
  if (browsers.firefox === undefined && environment.CI === 'true') {
    throw new MissingBrowser('With CI=true the browser tests need Firefox too: install firefox-esr or set FIREFOX_PATH.');
  }
  return { chromium: browsers.chromium, firefox: browsers.firefox };
}
