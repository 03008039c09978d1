/**
 * Adds up the reports of the test runners and prints `N passed, N failed` as its last line.
 *
 * A runner without a report never came to its end: one failure. So is a test command that failed although all reports are good (a lint
 * or build error). Exits with 1 on any failure.
 *
 * Usage: node totals.js EXIT_CODE_OF_THE_TEST_COMMAND
 */
import { readFileSync } from 'node:fs';

const report = (path, count) => {
  let totals;
  try {
    totals = count(JSON.parse(readFileSync(path, 'utf8')));
    if (!Number.isInteger(totals.passed + totals.failed)) throw new Error('it has another form than expected');
  } catch (error) {
    console.log(`${path}: no usable report (${error.message})`);
    return { passed: 0, failed: 1 };
  }
  const { passed, failed, skipped } = totals;
  console.log(`${path}: ${passed} passed, ${failed} failed, ${skipped} skipped`);
  return totals;
};

const vitest = ({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) => ({
  passed: numPassedTests,
  // A file that does not load has no tests that could fail.
  failed:
    numFailedTests +
    testResults.filter(({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0).length,
  skipped: numPendingTests + numTodoTests,
});

const playwright = ({ stats, errors }) => ({
  passed: stats.expected,
  failed: stats.unexpected + stats.flaky + errors.length,
  skipped: stats.skipped,
});

const reports = [report('test-results/vitest.json', vitest), report('test-results/playwright.json', playwright)];
const sum = (name) => reports.reduce((total, each) => total + each[name], 0);
const passed = sum('passed');
let failed = sum('failed');
const exitCode = Number(process.argv[2]);
if (exitCode !== 0 && failed === 0) {
  console.log(`The test command ended with exit code ${exitCode}.`);
  failed = 1;
}
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
console.log(`${passed} passed, ${failed} failed`);
