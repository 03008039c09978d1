import type { Status } from '../../src/messages/messages.js';
import { sampleStatus, sampleViolations } from '../status/sample-status.js';
import { EVERYTHING, FIXTURE_APP, proofOf } from './fixture-app.js';
import { test as base, expect, requestsPastTheWorker, targetFile } from './fixtures.js';
import { expectViolation, openApp, statusOf, watchProblems } from './page-actions.js';
import { pretendWorker, serveStatusPage } from './status-page.js';

const test = base.extend<{ url: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures a function needs from its first parameter's pattern.
  url: async ({}, use) => {
    const { origin, close } = await serveStatusPage();
    await use(`${origin}/vouchsafe/`);
    await close();
  },
});

const STAGED = { id: '13-e3b0c44298fc1c14', files: 203, bytes: 5_400_000 };

test('the status page says what is trusted, by whose keys and until when, within a policy of two hashes', async ({ page, url }) => {
  const problems = watchProblems(page);
  const status = sampleStatus(Date.now());
  await pretendWorker(page, { replies: { status } });
  await page.goto(url);
  await expect(page.getByRole('heading', { level: 2, name: 'Fresh' })).toBeVisible();
  const root = page.getByRole('row', { name: /^root/ });
  await expect(root).toContainText('version 3');
  await expect(root.getByText('a'.repeat(64))).toBeHidden();
  await root.getByText('2 of 3 keys').click();
  await expect(root.getByText('a'.repeat(64))).toBeVisible();
  const expiry = page.getByRole('row', { name: /^timestamp/ }).locator('time');
  await expect(expiry).toHaveText(/^expires in 6 d 04:\d\d:\d\d$/);
  expect(await expiry.getAttribute('datetime')).toBe(new Date(status.timestamp?.expires ?? 0).toISOString());
  const before = await expiry.textContent();
  await expect(expiry).not.toHaveText(before ?? '');
  await expect(page.getByRole('row', { name: /^12-9f86/ })).toContainText(/active.*201 files, 5.3 MB.*3 pages, this too/);
  await expect(page.getByRole('row', { name: /^11-6030/ })).toContainText(/pinned.*1 page/);
  await expect(page.getByText('11.4 MB of 6.1 GB')).toBeVisible();
  const until = await page.evaluate((time) => new Date(time).toLocaleString(), status.offlineUntil ?? 0);
  await expect(page.locator('dt', { hasText: 'Runs offline' }).locator('xpath=following-sibling::dd[1]')).toHaveText(
    `until ${until}`,
  );
  await expect(page.getByRole('button', { name: 'Activate the new release' })).toBeHidden();
  const origin = new URL(url).origin;
  const link = (name: string) => page.getByRole('link', { name });
  expect(await link('The same as JSON').getAttribute('href')).toBe(`${origin}/vouchsafe/status.json`);
  expect(await link('Reset this app…').getAttribute('href')).toBe(`${origin}/vouchsafe/reset`);
  expect(problems).toEqual([]);
});

test('the status page shows violations, newest first, with diagnosis and facts', { tag: '@chromium' }, async ({ page, url }) => {
  await pretendWorker(page, { replies: { status: sampleStatus(Date.now(), { violations: sampleViolations(Date.now()) }) } });
  await page.goto(url);
  const items = page.locator('#violations > li');
  await expect(items.locator('b')).toHaveText([
    'foreign-registration',
    'mismatch: rewritten text, as by a CDN that minifies or injects',
    'rollback',
  ]);
  const mismatch = items.nth(1);
  await expect(mismatch.getByText('48213 bytes')).toBeHidden();
  await mismatch.locator('summary').focus();
  await page.keyboard.press('Enter');
  await expect(mismatch.getByText('48213 bytes')).toBeVisible();
  // And stays open when the worker has something new to say.
  await page.evaluate(() => {
    const { pretended } = window as unknown as { pretended: EventTarget };
    document.querySelector('#violations')?.setAttribute('data-old', '');
    document.querySelector('#violations li')?.setAttribute('data-old', '');
    pretended.dispatchEvent(new MessageEvent('message', { data: { vouchsafe: 'state', freshness: 'fresh' } }));
  });
  await expect(page.locator('#violations li[data-old]')).toHaveCount(0);
  await expect(mismatch.getByText('48213 bytes')).toBeVisible();
});

test('the status page verifies everything, with progress, and says how it ended', async ({ page, url }) => {
  const verifying = {
    vouchsafe: 'verifying',
    progress: { files: 83, totalFiles: 201, bytes: 2_100_000, totalBytes: 5_312_004 },
  } as const;
  await pretendWorker(page, { replies: { status: sampleStatus(Date.now()) }, verifying });
  await page.goto(url);
  await page.getByRole('button', { name: 'Verify everything now' }).click();
  await expect(page.getByRole('progressbar')).toHaveAttribute('value', '2100000');
  await expect(page.locator('#far')).toHaveText('83 of 201 files, 2.1 MB of 5.3 MB');
  await expect(page.getByRole('button', { name: 'Look for a new release' })).toBeDisabled();

  const failed = [{ code: 'unreachable', message: 'No answer.', facts: { path: 'b.js' } }] as const;
  await pretendWorker(page, {
    replies: { status: sampleStatus(Date.now()), verify: { files: 201, bytes: 5_312_004, healed: ['a.js'], failed } },
    verifying,
  });
  await page.reload();
  await page.getByRole('button', { name: 'Verify everything now' }).click();
  const result = page.getByRole('status');
  await expect(result).toHaveText(/201 files.*not all are right.*1 were damaged.*a\.js.*b\.js: No answer\. \(unreachable\)/);
  await expect(page.getByRole('progressbar')).toBeHidden();
  await expect(page.getByRole('button', { name: 'Verify everything now' })).toBeFocused();
});

test('the status page looks for a release and activates the staged one', { tag: '@chromium' }, async ({ page, url }) => {
  const refusal = { code: 'rollback', message: 'The version is lower.', facts: {} } as const;
  await pretendWorker(page, {
    replies: {
      status: sampleStatus(Date.now(), { staged: STAGED }),
      update: { outcome: 'failed', refusal, freshness: 'fresh' },
      activate: { activated: STAGED },
    },
  });
  await page.goto(url);
  await page.getByRole('button', { name: 'Look for a new release' }).click();
  await expect(page.getByRole('status')).toHaveText('Refused (rollback): The version is lower. What ran before still runs.');
  await page.getByRole('button', { name: 'Activate the new release' }).click();
  await expect(page.getByRole('status')).toHaveText(`Release ${STAGED.id} is active.`);
});

test('the status page says when signatures have expired, and when there is no worker', { tag: '@chromium' }, async ({
  page,
  url,
}) => {
  await page.goto(url);
  await expect(page.getByRole('heading', { name: 'No worker controls this page' })).toBeVisible();
  await expect(page.getByRole('button')).toHaveCount(0);
  const timestamp = { version: 148, expires: Date.now() - 90_000 };
  const { offlineUntil: _, ...frozen } = sampleStatus(Date.now(), { freshness: 'frozen', timestamp });
  await pretendWorker(page, { replies: { status: frozen } });
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Frozen' })).toBeVisible();
  await expect(page.getByText('Runs offline')).toHaveCount(0);
  await expect(page.getByRole('row', { name: /^timestamp/ }).locator('time')).toHaveText(/^expired 00:01:\d\d ago$/);
});

test('the status page says that a worker refuses nothing', { tag: '@chromium' }, async ({ page, url }) => {
  await pretendWorker(page, { replies: { status: sampleStatus(Date.now(), { reportOnly: true }) } });
  await page.goto(url);
  await expect(page.getByRole('heading', { name: 'Fresh' })).toBeVisible();
  await expect(page.locator('#sentence')).toHaveText(/^Report-only: nothing is refused but what is enforced\. All signatures/);
});

test('the status page is narrower than a phone', { tag: '@chromium' }, async ({ page, url }) => {
  await page.setViewportSize({ width: 320, height: 700 });
  await pretendWorker(page, { replies: { status: sampleStatus(Date.now(), { violations: sampleViolations(Date.now()) }) } });
  await page.goto(url);
  await page.locator('#violations summary').nth(1).click();
  await page.getByText('2 of 3 keys').first().click();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

test('C7 “Verify everything now” finds what a page script has altered in the store, and replaces it: afterwards the app runs offline', async ({
  page,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP, { files: [{ path: 'data.json', keep: 'on-demand' }] });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  await page.goto(`${site.url}vouchsafe/`);
  await page.evaluate(async () => {
    const [{ name = '' } = {}] = (await indexedDB.databases()).filter((database) => database.name?.startsWith('vouchsafe '));
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('packs', 'readwrite');
        transaction.objectStore('packs').openCursor().onsuccess = ({ target }) => {
          const cursor = (target as IDBRequest<IDBCursorWithValue | null>).result;
          cursor?.update((cursor.value as Uint8Array).map((byte) => byte ^ 1));
          cursor?.continue();
        };
        transaction.onerror = () => reject(transaction.error);
        transaction.oncomplete = () => {
          opening.result.close();
          resolve();
        };
      };
    });
  });
  await page.getByRole('button', { name: 'Verify everything now' }).click();
  const result = page.getByRole('status');
  await expect(result).toHaveText(/^\d+ files, .*: all are right\. \d+ were damaged and have been replaced: /);
  for (const path of ['index.html', 'classic.js', 'assets/answer.wasm', 'data.json']) await expect(result).toContainText(path);
  await expectViolation(page, { code: 'mismatch', during: 'storage', facts: { path: 'classic.js' } });
  await page.getByRole('button', { name: 'Verify everything now' }).click();
  await expect(result).toHaveText(/all are right\.$/);

  await site.server.goOffline();
  await page.goto(site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test('the status is there as JSON, answered by the worker', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const since = site.server.requests.length;
  const { type, status } = await page.evaluate(async () => {
    const response = await fetch('/vouchsafe/status.json');
    return { type: response.headers.get('content-type'), status: (await response.json()) as Status };
  });
  expect(type).toBe('application/json');
  const { life, active } = await statusOf(page);
  expect(status).toMatchObject({ life, active, pinned: active?.id, freshness: 'fresh', releases: [{ state: 'active' }] });
  // As a person or a program reads it, without a page of the app.
  const opened = await page.goto(`${site.url}vouchsafe/status.json`);
  expect(await opened?.json()).toMatchObject({ active, freshness: 'fresh' });
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('without a release the status page says what is known all the same', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  site.server.lie({ match: targetFile('classic.js'), flip: 'first' });
  await page.goto(site.url);
  await expect(page.locator('#title')).toHaveText('This site was not opened');
  const since = site.server.requests.length;
  const opened = await page.goto(`${site.url}vouchsafe/`);
  expect(opened?.status()).toBe(200);
  await expect(page.getByRole('heading', { name: 'Status of this site’s checks' })).toBeVisible();
  const shown = JSON.parse((await page.locator('pre').textContent()) ?? '') as Status;
  expect(shown).toMatchObject({ freshness: 'empty', releases: [] });
  expect(shown.violations).toContainEqual(
    expect.objectContaining({ code: 'mismatch', facts: expect.objectContaining({ path: 'classic.js' }) }),
  );
  expect(await page.getByRole('link', { name: 'Reset this site…' }).getAttribute('href')).toBe(`${site.url}vouchsafe/reset`);
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  // It has looked once more by itself: there may be a release now.
  site.server.honest();
  await page.reload();
  await expect(page.getByRole('heading', { name: 'Fresh' })).toBeVisible();
});

test('the status page is a page of every release, and verifies the real one', { tag: '@chromium' }, async ({
  page,
  publishSite,
}) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  // What the app is loading when its page is left ends with an error of its own.
  expect(await proofOf(page)).toEqual(EVERYTHING);
  const problems = watchProblems(page);
  await page.goto(`${site.url}vouchsafe/`);
  await expect(page.getByRole('heading', { name: 'Fresh' })).toBeVisible();
  await expect(page.getByRole('row', { name: /^root/ })).toContainText('1 of 1 keys');
  await page.getByRole('button', { name: 'Verify everything now' }).click();
  await expect(page.getByRole('status')).toHaveText(/all are right/);
  await page.getByRole('button', { name: 'Look for a new release' }).click();
  await expect(page.getByRole('status')).toHaveText('This is the newest release.');
  // Browsers guess that a site has this one.
  expect(problems.filter((problem) => !problem.includes('/favicon.ico'))).toEqual([]);
});
