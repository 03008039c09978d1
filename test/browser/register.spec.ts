import { readFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import type { Page } from '@playwright/test';
import type { PathMatch } from '../../src/demo/hostile-server.js';
import type { RegisterOptions, Vouchsafe } from '../../src/window/register.js';
import { EVERYTHING, makeRelease, proofOf, releaseShown } from './fixture-app.js';
import { expect, type Site, test } from './fixtures.js';
import { addLibrary } from './library.js';
import { expectViolation, openApp, statusOf, update, watchProblems } from './page-actions.js';

/** Nothing inline, no sink for texts: what the lock's screen has to get along with. */
const STRICT = {
  path: '**/*.html',
  set: {
    'content-security-policy':
      "script-src 'self'; style-src 'self'; object-src 'none'; require-trusted-types-for 'script'; trusted-types vouchsafe",
  },
};

/**
 * A worker that says yes to everything, and tells pages that it was found signed and that there is nothing more to watch over; what its pages would
 * then be. It waits, as a signed one does, until it is told to take over or the last page has gone.
 */
const EVIL_THAT_WAITS = `
  const lies = [{ vouchsafe: 'vetted', vet: { isSigned: true } }, { vouchsafe: 'stood-down' }];
  const lie = async () => {
    for (const client of await self.clients.matchAll({ includeUncontrolled: true })) for (const each of lies) client.postMessage(each);
  };
  self.addEventListener('activate', (event) => event.waitUntil(lie().then(() => self.clients.claim()).then(lie)));
  self.addEventListener('message', ({ data, ports: [port] }) => {
    if (data.vouchsafe === 'take-over') self.skipWaiting();
    port?.postMessage({ ok: true, value: { isSigned: true } });
  });
  const page = '<p id="title">evil</p><script>window.evil = 1</script>';
  self.addEventListener('fetch', (event) => {
    if (event.request.method === 'GET') event.respondWith(new Response(page, { headers: { 'content-type': 'text/html' } }));
  });
`;
/** One that takes over at once. */
const EVIL = `self.addEventListener('install', () => self.skipWaiting());${EVIL_THAT_WAITS}`;
/** One that leaves the old worker the time to compare the script and to say what it found. */
const EVIL_THAT_IS_PATIENT = `self.addEventListener('install', () => setTimeout(() => self.skipWaiting(), 3_000));${EVIL_THAT_WAITS}`;

/** How a server has a worker script that is not the signed one: for everybody, or for the browser alone, whose own request says what it is for. */
const LIES = {
  'for everybody': /vouchsafe-worker\.js$/,
  'for the browser alone': (path: string, headers: IncomingHttpHeaders) =>
    path.endsWith('/vouchsafe-worker.js') && headers['service-worker'] === 'script',
};

const makeReleaseWithLibrary = async (folder: string, name: string) => addLibrary(await makeRelease(folder, name));

interface Registered {
  vouchsafe: Vouchsafe;
  heard: { type: string; code?: string }[];
}

/** Registers as an app does, and notes the events. */
async function registerIn(page: Page, options: RegisterOptions = {}): Promise<void> {
  await page.evaluate(async (given) => {
    const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
    const vouchsafe = await register(given);
    const heard: Registered['heard'] = [];
    for (const type of ['staged', 'activated', 'stood-down'] as const) vouchsafe.addEventListener(type, () => heard.push({ type }));
    vouchsafe.addEventListener('violation', ({ type, detail: { code } }) => heard.push({ type, code }));
    Object.assign(window, { vouchsafe, heard });
  }, options);
}

const heard = (page: Page): Promise<Registered['heard']> => page.evaluate(() => (window as unknown as Registered).heard);

/** From now on the server has this worker, and the browser looks. */
async function replaceWorker(page: Page, { server }: Site, body: string, match: PathMatch = LIES['for everybody']): Promise<void> {
  server.lie({ match, body, type: 'text/javascript' });
  await page.evaluate(() => (window as unknown as Registered).vouchsafe.registration.update());
}

const locked = (page: Page) => page.getByRole('alertdialog', { name: 'This page was locked' });

test('a toast in five lines: told of a newer release, also of one that came before the page, and opened with it', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  const toast = () =>
    page.evaluate(async () => {
      const { register } = (await import('/library/register.js' as string)) as typeof import('../../src/window/register.js');
      const button = Object.assign(document.createElement('button'), { textContent: 'Update ready, reload', hidden: true });
      document.body.append(button);
      const vouchsafe = await register({ activation: 'prompt' });
      vouchsafe.addEventListener('staged', () => {
        button.hidden = false;
      });
      button.onclick = () => vouchsafe.reload();
    });
  const button = page.getByRole('button', { name: 'Update ready, reload' });
  await toast();
  await expect(button).toBeHidden();
  await site.publish(await makeReleaseWithLibrary(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await expect(button).toBeVisible();

  await button.evaluate((element) => element.remove());
  await toast();
  await expect(button).toBeVisible();
  await button.click();
  await expect.poll(() => releaseShown(page)).toBe('two');
});

test('C11 a worker that was replaced on the server locks the page, whatever the new one says', async ({
  page,
  publishSite,
  folder,
}) => {
  // A path of the site, which is no passthrough: its name is signed.
  const reports: string[] = [];
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'), {
    headers: [STRICT],
    reporting: { url: 'api/reports' },
    api: (request, response) => {
      request.setEncoding('utf8').on('data', (text) => reports.push(text));
      response.writeHead(request.method === 'POST' ? 204 : 404).end();
    },
  });
  await openApp(page, site.url);
  await registerIn(page);
  const { reporting } = await page.evaluate(() => (window as unknown as Registered).vouchsafe.status());
  expect(reporting).toBe(`${site.url}api/reports`);
  // Nothing else is sent there: not by the name of the folder, nor by another method.
  const answers = await page.evaluate(() =>
    Promise.all([
      fetch('/api/other', { method: 'POST' }).then(String, ({ name }) => name),
      fetch('/api/reports').then(String, ({ name }) => name),
    ]),
  );
  expect(answers).toEqual(['TypeError', 'TypeError']);
  const problems = watchProblems(page);
  await page.evaluate(() => {
    const typed: string[] = [];
    document.addEventListener('keydown', ({ key }) => typed.push(key));
    Object.assign(window, { typed });
  });
  await page.keyboard.press('a');
  await replaceWorker(page, site, EVIL);
  await expect(locked(page)).toBeVisible();
  await expect(locked(page)).toContainText('Do not enter passwords');
  await expect(locked(page)).toContainText('verifier-replaced');
  // The newest metadata and what runs list the same script: it is named once.
  await expect(locked(page)).not.toContainText(' or sha256');
  await expect(page).toHaveTitle('This page was locked');
  expect(await heard(page)).toContainEqual({ type: 'violation', code: 'verifier-replaced' });
  // Told by the page, whatever becomes of the worker.
  await expect.poll(() => reports.filter((text) => text.includes('"verifier-replaced"'))).not.toHaveLength(0);
  const [report] = JSON.parse(reports.find((text) => text.includes('"verifier-replaced"')) ?? '[]');
  expect(report).toMatchObject({
    type: 'vouchsafe-violation',
    url: site.url,
    body: { code: 'verifier-replaced', during: 'watch', release: expect.stringMatching(/^1-/) },
  });
  // What was in the page is gone; what its scripts add is not seen; what is typed goes nowhere.
  await expect(page.locator('#title')).toHaveText('This page was locked');
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('input'), { id: 'late' })));
  await expect(page.locator('#late')).toBeHidden();
  await page.keyboard.press('b');
  expect(await page.evaluate(() => (window as unknown as { typed: string[] }).typed)).toEqual(['a']);
  // The screen itself breaks no policy. Its style is applied.
  expect(problems.filter((problem) => /polic/i.test(problem))).toEqual([]);
  expect(await locked(page).evaluate((main) => getComputedStyle(main).maxWidth)).toBe('576px');
});

const REPLACEMENTS = [
  { what: 'takes over at once', script: EVIL, shown: 'for everybody', tag: '@chromium' },
  { what: 'takes over after a while', script: EVIL_THAT_IS_PATIENT, shown: 'for the browser alone', tag: [] as string[] },
  { what: 'waits, without skipWaiting,', script: EVIL_THAT_WAITS, shown: 'for everybody', tag: [] as string[] },
  { what: 'waits, without skipWaiting,', script: EVIL_THAT_WAITS, shown: 'for the browser alone', tag: '@chromium' },
] as const;

for (const { what, script, shown, tag } of REPLACEMENTS) {
  test(`C11 another worker on the server, ${shown}, that ${what} locks the page; when the server is honest again, so is the site after its last tab was closed`, {
    tag,
  }, async ({ page, publishSite, folder }) => {
    const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
    await openApp(page, site.url);
    await registerIn(page);
    await replaceWorker(page, site, script, LIES[shown]);
    await expect(locked(page)).toBeVisible();
    expect(await heard(page)).toContainEqual({ type: 'violation', code: 'verifier-replaced' });
    expect(await page.evaluate(() => 'evil' in window)).toBe(false);
    const workers = () =>
      page.evaluate(async () => {
        const { active, waiting, installing } = (await navigator.serviceWorker.getRegistration()) ?? {};
        return [active?.state, waiting?.state, installing?.state];
      });
    if (script === EVIL_THAT_WAITS) {
      // It was not told to take over, and the worker that was asked has written it down.
      expect(await workers()).toEqual(['activated', 'installed', undefined]);
      await expectViolation(page, { code: 'verifier-replaced', during: 'watch' });
    }

    site.server.honest();
    await page.evaluate(() =>
      navigator.serviceWorker
        .getRegistration()
        .then((own) => own?.update())
        .then(() => undefined),
    );
    await expect.poll(workers).toEqual(['activated', 'installed', undefined]);
    const context = page.context();
    await page.close();
    let tab = await context.newPage();
    // The browser lets the next worker in when the last page has gone, and has its own time for that.
    await expect
      .poll(async () => {
        await tab.close();
        tab = await context.newPage();
        await tab.goto(site.url);
        return tab.title();
      })
      .toBe('Fixture');
    await openApp(tab, site.url);
    expect(await releaseShown(tab)).toBe('one');
    expect(await proofOf(tab)).toEqual(EVERYTHING);
    expect(await tab.evaluate(() => 'evil' in window)).toBe(false);
    await registerIn(tab);
    expect(await update(tab)).toMatchObject({ outcome: 'current' });
    await expect(locked(tab)).toBeHidden();
  });
}

test('C11 with replaced: report the app is told, and the page stays', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await registerIn(page, { replaced: 'report' });
  await replaceWorker(page, site, EVIL);
  await expect.poll(() => heard(page)).toContainEqual({ type: 'violation', code: 'verifier-replaced' });
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  await expect(locked(page)).toBeHidden();
  expect(await releaseShown(page)).toBe('one');
});

test('C11 another script in the place of the worker locks the page', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await registerIn(page);
  site.server.lie({ match: /evil-worker/, body: EVIL, type: 'text/javascript' });
  await page.evaluate(() => navigator.serviceWorker.register('/evil-worker.js', { scope: '/' }).then(() => undefined));
  await expect(locked(page)).toBeVisible();
});

test('C11 a signed new worker takes over, in every tab, and nothing is locked', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  const second = await page.context().newPage();
  await openApp(second, site.url);
  await registerIn(page);
  await registerIn(second);
  const takenOver = [page, second].map((tab) =>
    tab.evaluate(
      () => new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true })),
    ),
  );
  await site.publish(await makeReleaseWithLibrary(folder, 'two'), { passthrough: ['/api/'] });
  await page.evaluate(() => (window as unknown as Registered).vouchsafe.registration.update());
  await Promise.all(takenOver);
  // Longer than a watch waits for an answer that is on its way.
  await page.waitForTimeout(2_000);
  for (const tab of [page, second]) {
    await expect(locked(tab)).toBeHidden();
    expect((await heard(tab)).filter(({ code }) => code === 'verifier-replaced')).toEqual([]);
  }
});

test('C11 what the worker knew survives a signed new one: the pin of an old tab, a staged release, a violation', {
  tag: '@chromium',
}, async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  const old = await page.context().newPage();
  await openApp(old, site.url);
  await site.publish(await makeReleaseWithLibrary(folder, 'two'));
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await page.reload();
  expect(await releaseShown(page)).toBe('two');
  await page.evaluate(() => fetch('/not-there.js').catch(() => {}));
  await expectViolation(page, { code: 'not-found', facts: { url: `${site.url}not-there.js` } });

  // A browser looks for a newer worker some time after a navigation; it finds none before the page listens.
  const body = await readFile(join(site.out, 'vouchsafe-worker.js'));
  site.server.lie({ match: LIES['for the browser alone'], body, type: 'text/javascript' });
  await site.publish(await makeReleaseWithLibrary(folder, 'three'), { passthrough: ['/api/'] });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  const known = async (tab: Page) => {
    const { pinned, active, staged, violations } = await statusOf(tab);
    return { pinned, active, staged, violations };
  };
  const before = [await known(page), await known(old)];
  expect(before).toMatchObject([{ staged: { id: expect.stringMatching(/^3-/) } }, { pinned: expect.stringMatching(/^1-/) }]);
  const { life } = await statusOf(page);
  await registerIn(page);
  await page.evaluate(() =>
    navigator.serviceWorker.addEventListener('controllerchange', () => Object.assign(window, { hasChanged: true })),
  );
  site.server.honest();
  // A look that the browser has begun before that still finds the old one, and so does who joins it.
  await expect
    .poll(() =>
      page.evaluate(async () => {
        await (window as unknown as Registered).vouchsafe.registration.update().catch(() => {});
        return 'hasChanged' in window;
      }),
    )
    .toBe(true);
  expect((await statusOf(page)).life).not.toBe(life);
  expect([await known(page), await known(old)]).toEqual(before);
  // What the old tab asks for is still of its own release.
  expect(await old.evaluate(() => fetch('/index.html').then((response) => response.text()))).toContain('id="title">one');
  await page.reload();
  expect(await releaseShown(page)).toBe('three');
  await expect(locked(page)).toBeHidden();
});

test('C12 a second registration inside the scope is noticed, once; the page that notices it stays verified, and so are those below when it is gone', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  site.server.lie({ match: /evil-worker/, body: EVIL, type: 'text/javascript' });
  await page.evaluate(async () => {
    const foreign = await navigator.serviceWorker.register('/pages/evil-worker.js', { scope: '/pages/' });
    const worker = foreign.installing ?? foreign.waiting;
    await new Promise<void>((resolve) => {
      const look = () => (worker === null || worker.state === 'activated') && resolve();
      worker?.addEventListener('statechange', look);
      look();
    });
  });
  await registerIn(page, { look: { every: 1 } });
  const foreign = { code: 'foreign-registration', facts: { url: `${site.url}pages/`, actual: `${site.url}pages/evil-worker.js` } };
  await expectViolation(page, { ...foreign, during: 'watch' });
  // Each look is another occasion to notice it.
  const since = site.server.requests.length;
  const looks = () => site.server.requests.slice(since).filter(({ path }) => path.endsWith('/timestamp.json')).length;
  await expect.poll(looks).toBeGreaterThan(2);
  expect((await heard(page)).filter(({ code }) => code === 'foreign-registration')).toHaveLength(1);
  // It takes over what is opened below it, which is why it is noticed, and nothing of this page: what that fetches is still answered from the release.
  await expect(locked(page)).toBeHidden();
  expect(await releaseShown(page)).toBe('one');
  expect(await page.evaluate(() => fetch('/pages/frame.html').then((response) => response.text()))).not.toContain('evil');
  expect(await page.evaluate(() => 'evil' in window)).toBe(false);

  site.server.honest();
  await page.evaluate(() => navigator.serviceWorker.getRegistration('/pages/').then((own) => own?.unregister()));
  const below = await page.context().newPage();
  await below.goto(`${site.url}pages/frame.html`);
  expect(await below.evaluate(() => navigator.serviceWorker.controller?.scriptURL)).toBe(`${site.url}vouchsafe-worker.js`);
  expect(await below.evaluate(() => 'evil' in window)).toBe(false);
  await page.reload();
  expect(await proofOf(page)).toEqual(EVERYTHING);
});

test('C12 unregistered by a script, the worker is registered again', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await registerIn(page, { look: { every: 1 } });
  await page.evaluate(() => (window as unknown as Registered).vouchsafe.registration.unregister());
  await expect
    .poll(() =>
      page.evaluate(() => navigator.serviceWorker.getRegistrations().then((all) => all.map(({ active }) => active?.state))),
    )
    .toEqual(['activated']);
  await expect.poll(() => heard(page)).toContainEqual({ type: 'violation', code: 'uncontrolled' });
  await expect(locked(page)).toBeHidden();
});

test('C12 the HTTP cache, let in by a script, is shut out again', async ({ page, publishSite, folder }) => {
  const site = await publishSite(await makeReleaseWithLibrary(folder, 'one'));
  await openApp(page, site.url);
  await registerIn(page, { look: { every: 1 } });
  const caching = () => page.evaluate(() => navigator.serviceWorker.getRegistration().then((own) => own?.updateViaCache));
  await page.evaluate(() =>
    navigator.serviceWorker.register('/vouchsafe-worker.js', { updateViaCache: 'all' }).then(() => undefined),
  );
  await expect.poll(() => heard(page)).toContainEqual({ type: 'violation', code: 'foreign-registration' });
  expect(await caching()).toBe('none');
});

test('the loader, when the signers have ended the checks, loads once more and then says so', async ({
  page,
  publishSite,
  folder,
}) => {
  const site = await publishSite(await makeRelease(folder, 'one'));
  const body = `
    self.addEventListener('message', ({ source }) => {
      source.postMessage({ vouchsafe: 'stood-down' });
      self.registration.unregister();
    });
  `;
  site.server.lie({ match: /vouchsafe-worker\.js$/, body, type: 'text/javascript' });
  await page.goto(site.url, { waitUntil: 'commit' });
  await expect(page.locator('#title')).toHaveText('This site was not opened');
  await expect(page.locator('#detail')).toContainText('have ended these checks');
  expect(site.server.paths(0).filter((path) => path === '/')).toHaveLength(2);
});
