import { createHash } from 'node:crypto';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVERYTHING, FIXTURE_APP, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, requestsPastTheWorker, targetFile, test } from './fixtures.js';
import { expectViolation, openApp, update, violationsOf, wipeStoredFiles } from './page-actions.js';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The parts of the app that cannot work without each file; without the first three nothing does. */
const PARTS: Record<string, readonly string[]> = {
  'classic.js': [],
  'main.js': [],
  'dependency.js': [],
  'style.css': ['style', 'font'],
  'assets/seal.png': ['png'],
  'assets/badge.svg': ['svg'],
  'assets/wide.woff2': ['font'],
  'data.json': ['data', 'worker'],
  'assets/answer.wasm': ['wasm'],
  'app.webmanifest': ['manifest'],
  'lazy/lazy.js': ['lazy'],
  'lazy/shared.js': ['lazy'],
  'worker.js': ['worker'],
  'worker-part.js': ['worker'],
  'module-worker.js': ['module-worker'],
  'pages/frame.html': ['frame'],
};

/** What a browser asks for as it asks for others of these. */
const LIKE_OTHERS = [
  'dependency.js',
  'assets/badge.svg',
  'data.json',
  'app.webmanifest',
  'lazy/lazy.js',
  'lazy/shared.js',
  'worker-part.js',
];

test.describe('A1 arbitrary bytes', () => {
  for (const [path, parts] of Object.entries(PARTS)) {
    const tag = LIKE_OTHERS.includes(path) ? '@chromium' : [];
    test(`A1 one bit of ${path} changed on the server never reaches the page`, { tag }, async ({ page, publishSite }) => {
      const site = await publishSite(FIXTURE_APP);
      // From another page, so that the browser holds nothing of this one in memory (Firefox shares fonts between pages).
      await openApp(page, `${site.url}pages/about/`);
      const bytes = await readFile(join(FIXTURE_APP, path));
      // Before the store is emptied: a browser that comes for the icon late would fill it again.
      site.server.lie({ match: targetFile(path), flip: 'middle' });
      await wipeStoredFiles(page);
      await page.goto(site.url);
      if (parts.length > 0) {
        const proof = await proofOf(page);
        const different = Object.entries(EVERYTHING).flatMap(([part, value]) => (proof[part] === value ? [] : [part]));
        expect(different.sort()).toEqual([...parts].sort());
      }
      const flipped = Uint8Array.from(bytes);
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 1;
      await expectViolation(page, {
        code: 'mismatch',
        facts: {
          path,
          expected: `sha256 ${sha256(bytes)}, ${bytes.length} bytes`,
          actual: `sha256 ${sha256(flipped)}, ${bytes.length} bytes`,
        },
      });
      site.server.honest();
      await page.reload();
      expect(await proofOf(page)).toEqual(EVERYTHING);
    });
  }

  test('A1 one bit of the page itself changed on the server shows the refusal instead', async ({ page, publishSite }) => {
    const site = await publishSite(FIXTURE_APP);
    await openApp(page, site.url);
    site.server.lie({ match: targetFile('index.html'), flip: 'last' });
    await wipeStoredFiles(page);
    expect((await page.reload())?.status()).toBe(503);
    await expect(page.locator('dl')).toContainText('mismatch');
    await expect(page.locator('dl')).toContainText(`sha256 ${sha256(await readFile(join(FIXTURE_APP, 'index.html')))}`);
    site.server.honest();
    await page.getByRole('link', { name: 'Try again' }).click();
    expect(await proofOf(page)).toEqual(EVERYTHING);
  });

  test('A1 on the first visit nothing of the app runs, and the loader says why', async ({ page, publishSite }) => {
    const site = await publishSite(FIXTURE_APP);
    site.server.lie({ match: targetFile('classic.js'), flip: 'first' });
    await page.goto(site.url);
    await expect(page.locator('#title')).toHaveText('This site was not opened');
    await expect(page).toHaveTitle('This site was not opened');
    await expect(page.locator('#facts')).toContainText('classic.js');
    await expect(page.locator('#facts')).toContainText('mismatch');
    expect(requestsPastTheWorker(site)).toEqual(['/']);
    site.server.honest();
    await page.getByRole('button', { name: 'Try again' }).click();
    expect(await proofOf(page)).toEqual(EVERYTHING);
  });
});

test('A2 a script, page or worker that no metadata lists is refused, however the server answers', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  site.server.lie({ match: /^\/evil/, body: 'self.evil = 1; postMessage("evil")', type: 'text/javascript' });
  site.server.lie({ match: /^\/evil.*html$/, body: '<title>evil</title><script>parent.evil = 1</script>', type: 'text/html' });
  const since = site.server.requests.length;
  const outcomes = await page.evaluate(async () => {
    const element = (tag: string, attributes: Record<string, string>) =>
      new Promise<string>((resolve) => {
        const made = Object.assign(document.createElement(tag), attributes);
        made.onload = () => resolve('loaded');
        made.onerror = () => resolve('refused');
        document.head.append(made);
      });
    const worker = (make: () => Worker) =>
      new Promise<string>((resolve) => {
        const made = make();
        made.onmessage = () => resolve('ran');
        made.onerror = () => resolve('refused');
      });
    const frame = document.createElement('iframe');
    frame.src = '/evil.html';
    document.body.append(frame);
    await new Promise((resolve) => {
      frame.onload = resolve;
    });
    return {
      script: await element('script', { src: '/evil.js' }),
      module: await element('script', { src: '/evil-module.js', type: 'module' }),
      import: await import('/evil-import.js' as string).then(
        () => 'ran',
        () => 'refused',
      ),
      worker: await worker(() => new Worker('/evil-worker.js')),
      moduleWorker: await worker(() => new Worker('/evil-worker.js', { type: 'module' })),
      fetch: await fetch('/evil-data.json').then(
        () => 'answered',
        () => 'refused',
      ),
      frame: frame.contentDocument?.title,
      evil: 'evil' in window,
    };
  });
  expect(outcomes).toEqual({
    script: 'refused',
    module: 'refused',
    import: 'refused',
    worker: 'refused',
    moduleWorker: 'refused',
    fetch: 'refused',
    frame: 'This page was not shown',
    evil: false,
  });
  expect((await page.goto(`${site.url}evil.html`))?.status()).toBe(503);
  expect(await page.title()).toBe('This page was not shown');
  expect(requestsPastTheWorker(site, since)).toEqual([]);
  await page.goto(site.url);
  for (const path of ['evil.js', 'evil-module.js', 'evil-import.js', 'evil-worker.js', 'evil-data.json', 'evil.html']) {
    await expectViolation(page, { code: 'not-found', during: 'request', facts: { url: site.url + path } });
  }
});

test('A6 the last release’s file under this release’s name is refused, and recognised', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeRelease(folder, 'one and rather longer than the next'));
  await openApp(page, site.url);
  const old = join(folder, 'old');
  await cp(site.out, old, { recursive: true });
  const directory = await makeRelease(folder, 'two');
  await writeFile(join(directory, 'data.json'), '{"says":"other"}');
  await site.publish(directory);

  const facts = { path: 'index.html', diagnosis: 'older release' };
  site.server.lie({ match: targetFile('index.html'), from: old });
  expect(await update(page)).toMatchObject({ outcome: 'failed', refusal: { code: 'mismatch', facts } });
  await expectViolation(page, { code: 'mismatch', during: 'update', facts });
  await page.reload();
  expect(await releaseShown(page)).toBe('one and rather longer than the next');

  site.server.honest();
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await releaseShown(page)).toBe('two');

  // The same when the release runs and a file has to be healed.
  site.server.lie({ match: targetFile('data.json'), from: old });
  await wipeStoredFiles(page);
  expect(
    await page.evaluate(() =>
      fetch('data.json').then(
        () => 'answered',
        () => 'refused',
      ),
    ),
  ).toBe('refused');
  await expectViolation(page, { code: 'mismatch', during: 'request', facts: { path: 'data.json', diagnosis: 'older release' } });
  site.server.honest();
  expect(await page.evaluate(() => fetch('data.json').then((response) => response.json()))).toEqual({ says: 'other' });
});

test('A8 two valid files swapped are refused, both', async ({ page, publishSite }) => {
  const site = await publishSite(FIXTURE_APP);
  await openApp(page, site.url);
  const name = async (path: string) => `/vouchsafe/targets/${sha256(await readFile(join(FIXTURE_APP, path)))}.${path}`;
  const [classic, dependency] = [await name('classic.js'), await name('dependency.js')];
  site.server.lie({ match: targetFile('classic.js'), swapWith: dependency });
  site.server.lie({ match: targetFile('dependency.js'), swapWith: classic });
  await wipeStoredFiles(page);
  const load = (path: string) =>
    page.evaluate(
      (url) =>
        fetch(url).then(
          (response) => response.text(),
          () => 'refused',
        ),
      path,
    );
  expect(await load('classic.js')).toBe('refused');
  expect(await load('dependency.js')).toBe('refused');
  const codes = (await violationsOf(page))
    .filter(({ during }) => during === 'request')
    .map(({ code, facts }) => [code, facts.path]);
  // The longer of the two is cut off before it can be told what it is.
  expect(new Map(codes.map(([code, path]) => [path, code])).size).toBe(2);
  for (const [code] of codes) expect(['mismatch', 'too-long']).toContain(code);
  site.server.honest();
  expect(await load('classic.js')).toBe(await readFile(join(FIXTURE_APP, 'classic.js'), 'utf8'));
});
