import { defineConfig } from '@playwright/test';
import browserTests from './playwright.config.js';

/** `npm run campaign`: the browsers of the browser tests, and a test for each kill. */
export default defineConfig({
  ...browserTests,
  testDir: 'test/campaign',
  outputDir: 'test-results/campaign',
  reporter: './test/campaign/summary.ts',
  projects: (browserTests.projects ?? []).filter(({ name }) => name !== 'webkit'),
});
