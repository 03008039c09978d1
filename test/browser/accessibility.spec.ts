import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';
import { sampleStatus, sampleViolations } from '../status/sample-status.js';
import { makeRelease } from './fixture-app.js';
import { expect, targetFile, test } from './fixtures.js';
import { addLibrary, registerIn } from './library.js';
import { openApp, wipeStoredFiles } from './page-actions.js';
import { pretendWorker, serveStatusPage } from './status-page.js';

// What a person sees of us, in light and in dark, by axe: the rules that a program can check, contrast among them.

const SCHEMES = ['light', 'dark'] as const;

/** Expects a page without a violation of the WCAG's rules, A and AA, in both colour schemes. */
async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    const axe = new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']);
    // Without the page that it would open to put the results of frames together: there are none.
    const { violations, passes, incomplete } = await axe.setLegacyMode(true).analyze();
    expect(
      violations.map(({ id, nodes }) => [colorScheme, id, nodes.map(({ html, failureSummary }) => [html, failureSummary])]),
    ).toEqual([]);
    expect(incomplete.map(({ id }) => id)).not.toContain('color-contrast');
    expect(passes.map(({ id }) => id)).toContain('color-contrast');
  }
}

test.describe('the pages that people see are accessible, in light and in dark', { tag: '@chromium' }, () => {
  test('the status page, with all there is to unfold', async ({ page }) => {
    const { origin, close } = await serveStatusPage();
    await pretendWorker(page, { replies: { status: sampleStatus(Date.now(), { violations: sampleViolations(Date.now()) }) } });
    await page.goto(`${origin}/vouchsafe/`);
    await expect(page.locator('#violations > li')).not.toHaveCount(0);
    for (const summary of await page.locator('summary').all()) await summary.click();
    await expectAccessible(page);
    await close();
  });

  test('the refusal page and the page that resets the app', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    await openApp(page, site.url);
    site.server.lie({ match: targetFile('index.html'), flip: 'middle' });
    await wipeStoredFiles(page);
    expect((await page.reload())?.status()).toBe(503);
    await expectAccessible(page);
    // The page that resets runs no script at all, nor axe's: the same elsewhere.
    const reset = await page.goto(`${site.url}vouchsafe/reset`);
    const html = await reset?.text();
    await page.goto('about:blank');
    await page.setContent(html ?? '');
    await expect(page.getByRole('button')).toBeVisible();
    await expectAccessible(page);
  });

  test('the loader that cannot go on', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeRelease(folder, 'one'));
    site.server.lie({ match: /\/metadata\//, status: 404 });
    await page.goto(site.url);
    await expect(page.locator('#title')).toHaveText('This site was not opened');
    await expectAccessible(page);
  });

  test('the locked page', async ({ page, publishSite, folder }) => {
    const site = await publishSite(await addLibrary(await makeRelease(folder, 'one')));
    await openApp(page, site.url);
    await registerIn(page);
    site.server.lie({ match: /vouchsafe-worker\.js$/, body: 'self.other = 1', type: 'text/javascript' });
    await page.evaluate(async () => (await navigator.serviceWorker.ready).update());
    await expect(page.getByRole('alertdialog')).toBeVisible();
    await expectAccessible(page);
  });
});
