import { defineConfig } from '@playwright/test';
import { type Browsers, findBrowsers, MissingBrowser } from './test/browser/browsers.js';
import { findWebKit, type WebKit } from './test/webkit/find-webkit.js';
import type { WebKitOptions } from './test/webkit/session.js';

/**
 * Playwright evaluates this file once in its main process and again in each worker process, which inherits the environment. Browsers are
 * looked for, and if need be installed, in the main process only; the workers are told what it found.
 */
interface AllBrowsers extends Browsers {
  readonly webkit: WebKit | undefined;
}

const browsersOnce = (): AllBrowsers => {
  const told = process.env.VOUCHSAFE_TEST_BROWSERS;
  if (told !== undefined) return JSON.parse(told) as AllBrowsers;
  try {
    const browsers = { ...findBrowsers(process.env), webkit: findWebKit(process.env) };
    process.env.VOUCHSAFE_TEST_BROWSERS = JSON.stringify(browsers);
    if (browsers.firefox === undefined) console.log('No Firefox found: the browser tests leave it out.');
    if (browsers.webkit === undefined) console.log('No WebKitGTK with its driver and Xvfb found: the browser tests leave it out.');
    return browsers;
  } catch (error) {
    if (!(error instanceof MissingBrowser)) throw error;
    console.error(error.message);
    process.exit(1);
  }
};

const browsers = browsersOnce();

const chromium = {
  name: 'chromium',
  use: {
    browserName: 'chromium',
    launchOptions: {
      executablePath: browsers.chromium,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    },
  },
} as const;

/**
 * What is tagged `@chromium` shows what no engine has a part in (a rule of the client core, the demo, the publisher), and runs in Chromium only: CI has
 * twenty minutes. `VOUCHSAFE_EVERY_ENGINE=1` runs it everywhere.
 */
const inOneEngine = process.env.VOUCHSAFE_EVERY_ENGINE ? {} : { grepInvert: /@chromium/ };

const firefox = (executablePath: string) =>
  ({
    name: 'firefox',
    ...inOneEngine,
    use: {
      browserName: 'firefox',
      channel: 'moz-firefox',
      launchOptions: {
        executablePath,
        // A worker is stopped after half a second without an event: that is how a test stops one, and every other test lives with it.
        // One that still works on something (`waitUntil`) keeps Firefox's own five minutes; less would kill every long update.
        firefoxUserPrefs: { 'dom.serviceWorkers.idle_timeout': 500, 'dom.serviceWorkers.idle_extended_timeout': 300_000 },
      },
    },
  }) as const;

/** Playwright runs these tests, and reports on them, but has no browser for them: they have a driver of their own. */
const webkit = (executables: WebKit) => ({
  name: 'webkit',
  testDir: 'test/webkit',
  // The driver has one session at a time.
  workers: 1,
  use: { webkit: executables },
});

export default defineConfig<WebKitOptions>({
  testDir: 'test/browser',
  testMatch: '**/*.spec.ts',
  outputDir: 'test-results/browser',
  // Half of a test's time is waiting (for an expiry, for a browser to stop a worker), so there are more workers than processors; and the
  // tests of one file are spread over them, or the longest file would run on alone at the end.
  fullyParallel: true,
  workers: 4,
  retries: 0,
  forbidOnly: process.env.CI === 'true',
  // The machine may be shared and slow: these bounds are for hanging tests, not for slow ones.
  timeout: 120_000,
  expect: { timeout: 30_000 },
  use: { trace: 'off', screenshot: 'off', video: 'off' },
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
  projects: [
    // The slowest first: it is one test after the other.
    ...(browsers.webkit === undefined ? [] : [webkit(browsers.webkit)]),
    chromium,
    ...(browsers.firefox === undefined ? [] : [firefox(browsers.firefox)]),
  ],
});
