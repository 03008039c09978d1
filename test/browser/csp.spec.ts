import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EVERYTHING, makeRelease, proofOf } from './fixture-app.js';
import { expect, plantEvil, requestsPastTheWorker, test } from './fixtures.js';
import { addLibrary, heard, registerIn } from './library.js';
import { openApp, update } from './page-actions.js';

// The policy that `csp` makes, in a browser: the app runs whole, and what is injected into its page does not run.

const INLINE = `
  <script>window.inline = 'classic';\r\n</script>
  <script type="module">import 'mapped'; window.inlineModule = 'module';</script>
  <style>#inline { width: 123px; display: block }</style>
  <b id="inline" style="height: 45px" onclick="window.handled = 'handler'">Inline</b>`;

/** Firefox passes over an import map that comes after a module, with a policy or without. */
const IMPORT_MAP = '<script type="importmap">{ "imports": { "mapped": "./dependency.js" } }</script>';

/** A release whose page has code of every kind in it. */
async function releaseWithInlineCode(folder: string): Promise<string> {
  const directory = await makeRelease(folder, 'inline');
  const page = join(directory, 'index.html');
  await writeFile(
    page,
    (await readFile(page, 'utf8')).replace('<head>', `<head>${IMPORT_MAP}`).replace('</body>', () => `${INLINE}</body>`),
  );
  return directory;
}

test('under the generated policy the app runs whole, the code in its page too', async ({ page, folder, publishSite }) => {
  const site = await publishSite(await releaseWithInlineCode(folder), { csp: true });
  await openApp(page, site.url);
  expect(await proofOf(page)).toEqual(EVERYTHING);
  await page.locator('#inline').click();
  const seen = await page.evaluate(() => {
    const { inline, inlineModule, handled } = window as unknown as Record<string, unknown>;
    const { width, height } = document.getElementById('inline')?.getBoundingClientRect() ?? {};
    return { inline, inlineModule, handled, width, height };
  });
  expect(seen).toEqual({ inline: 'classic', inlineModule: 'module', handled: 'handler', width: 123, height: 45 });
});

test('under the generated policy nothing that is injected runs, and nothing is loaded past the worker', async ({
  page,
  folder,
  publishSite,
}) => {
  const site = await publishSite(await releaseWithInlineCode(folder), { csp: true });
  await openApp(page, site.url);
  await proofOf(page);
  plantEvil(site);
  const since = site.server.requests.length;
  const outcomes = await page.evaluate(async () => {
    const stopped = (start: () => void) =>
      new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => resolve(effectiveDirective), {
          once: true,
        });
        start();
      });
    const append = (tag: string, set: Record<string, string>) => {
      const element = document.createElement(tag);
      for (const [name, value] of Object.entries(set)) element.setAttribute(name, value);
      if (tag === 'script' && !set.src) element.textContent = 'window.evil = 1';
      document.body.append(element);
      return element;
    };
    const script = (source: string) => URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    const found: Record<string, string> = {};
    found.script = await stopped(() => append('script', {}));
    found.handler = await stopped(() => append('img', { src: 'data:,', onerror: 'window.evil = 1' }));
    found.blob = await stopped(() => append('script', { src: script('window.evil = 1') }));
    found.data = await stopped(() => append('script', { src: 'data:text/javascript,window.evil=1' }));
    found.url = await stopped(() => {
      append('a', { href: 'javascript:window.evil = 1' }).click();
    });
    found.worker = await stopped(() => {
      try {
        new Worker(script('postMessage(1)')).onmessage = () => {
          found.workerRan = 'yes';
        };
      } catch {
        // Some browsers throw as well.
      }
    });
    found.object = await stopped(() => append('object', { data: '/evil.html' }));
    found.embed = await stopped(() => append('embed', { src: '/evil.html' }));
    found.base = await stopped(() => append('base', { href: 'https://evil.example/' }));
    found.frame = await stopped(() => append('iframe', { src: 'data:text/html,evil' }));
    try {
      // biome-ignore lint/security/noGlobalEval: that it does not run is what is tested
      found.eval = String(globalThis.eval('window.evil = 1'));
    } catch (error) {
      found.eval = (error as Error).name;
    }
    return { ...found, evil: String((window as unknown as { evil?: unknown }).evil) };
  });
  expect(outcomes).toEqual({
    script: 'script-src-elem',
    handler: 'script-src-attr',
    blob: 'script-src-elem',
    data: 'script-src-elem',
    url: 'script-src-elem',
    worker: 'worker-src',
    object: 'object-src',
    embed: 'object-src',
    base: 'base-uri',
    frame: 'frame-src',
    eval: 'EvalError',
    evil: 'undefined',
  });
  expect(requestsPastTheWorker(site, since)).toEqual([]);
});

test('under the generated policy a worker is as confined as the page', async ({ page, folder, publishSite }) => {
  const directory = await makeRelease(folder, 'confined');
  await writeFile(
    join(directory, 'confined.js'),
    `let name = 'ran';
    try { eval('1') } catch (error) { name = error.name }
    let imported = 'ran';
    try { importScripts('data:text/javascript,1') } catch (error) { imported = error.name }
    postMessage([name, imported]);`,
  );
  const outcomeOf = async (csp: boolean): Promise<unknown> => {
    const site = await publishSite(directory, { csp });
    await openApp(page, site.url);
    return page.evaluate(
      () =>
        new Promise((resolve) => {
          new Worker('confined.js').onmessage = ({ data }) => resolve(data);
        }),
    );
  };
  expect(await outcomeOf(false)).toEqual(['ran', 'ran']);
  expect(await outcomeOf(true)).toEqual(['EvalError', 'NetworkError']);
});

test('C13 under the generated policy no file that is opened in a frame is a document without it', async ({
  page,
  folder,
  publishSite,
}, { project }) => {
  const directory = await makeRelease(folder, 'documents');
  const svg = 'xmlns="http://www.w3.org/2000/svg"';
  await writeFile(join(directory, 'notes.txt'), 'notes');
  await writeFile(
    join(directory, 'own.svg'),
    `<svg ${svg}><style>rect { fill: red }</style><rect style="stroke: blue"/><script><![CDATA[window.own = 1 && 'ran']]></script></svg>`,
  );
  await writeFile(
    join(directory, 'own.xhtml'),
    `<html xmlns="http://www.w3.org/1999/xhtml"><head><title/><style>p { color: red }</style></head><body><p/><script>//<![CDATA[
      window.own = 1 &amp;&amp; 'ran';
    //]]></script></body></html>`.replaceAll('&amp;', '&'),
  );
  // What Firefox shows JSON with is not of the page's origin.
  const paths = ['notes.txt', 'assets/seal.png', 'own.svg', 'own.xhtml', ...(project.name === 'firefox' ? [] : ['data.json'])];
  const outcomesOf = async (csp: boolean): Promise<unknown> => {
    const site = await publishSite(directory, { csp });
    await openApp(page, site.url);
    return page.evaluate(async (all) => {
      const found: Record<string, unknown> = {};
      for (const path of all) {
        const frame = document.createElement('iframe');
        const loaded = new Promise((resolve) => frame.addEventListener('load', resolve));
        frame.src = path;
        document.body.append(frame);
        await loaded;
        const inside = frame.contentWindow as Window & { evil?: string; own?: string };
        const inject = (set: { textContent: string } | { src: string }) =>
          new Promise<void>((resolve) => {
            const script = inside.document.createElementNS('http://www.w3.org/1999/xhtml', 'script');
            for (const type of ['load', 'error']) script.addEventListener(type, () => resolve());
            Object.assign(script, set);
            inside.document.documentElement.append(script);
            // One without a file has run by now, or never will.
            if ('textContent' in set) resolve();
          });
        const source = (name: string) => `window.evil = (window.evil ?? '') + '${name} '`;
        await inject({ textContent: source('inline') });
        await inject({ src: URL.createObjectURL(new Blob([source('blob')], { type: 'text/javascript' })) });
        await inject({ src: `data:text/javascript,${encodeURIComponent(source('data'))}` });
        const styled = inside.document.querySelector('rect, p');
        const { fill, color } = styled ? inside.getComputedStyle(styled) : {};
        found[path] = [inside.evil, inside.own, path.endsWith('svg') ? fill : path.endsWith('xhtml') ? color : ''];
      }
      return found;
    }, paths);
  };
  const own = (path: string) => (path.startsWith('own') ? ['ran', 'rgb(255, 0, 0)'] : [undefined, '']);
  expect(await outcomesOf(false)).toEqual(Object.fromEntries(paths.map((path) => [path, ['inline blob data ', ...own(path)]])));
  expect(await outcomesOf(true)).toEqual(Object.fromEntries(paths.map((path) => [path, [undefined, ...own(path)]])));
});

test('under the generated policy with Trusted Types no text becomes code, and the app still registers', {
  tag: '@chromium',
}, async ({ page, folder, publishSite }) => {
  const directory = join(folder, 'trusted');
  await mkdir(directory);
  await writeFile(join(directory, 'index.html'), '<!doctype html><title>Trusted</title><script src="app.js"></script>');
  await writeFile(join(directory, 'app.js'), "window.policy = trustedTypes.createPolicy('app', { createHTML: (text) => text });");
  const site = await publishSite(await addLibrary(directory), { csp: { trustedTypes: ['app'] } });
  await openApp(page, site.url);
  await registerIn(page, { replaced: 'report' });
  const outcomes = await page.evaluate(async () => {
    const ended = async (work: () => unknown): Promise<string> => {
      try {
        await work();
        return 'done';
      } catch (error) {
        return (error as Error).name;
      }
    };
    const { policy, trustedTypes } = window as unknown as {
      policy: { createHTML(text: string): string };
      trustedTypes: { createPolicy(name: string, rules: object): object };
    };
    const script = document.createElement('script');
    const all = {
      html: ended(() => {
        document.body.innerHTML = '<b>text</b>';
      }),
      source: ended(() => {
        script.src = '/app.js';
      }),
      text: ended(() => {
        script.text = 'window.evil = 1';
      }),
      worker: ended(() => new Worker('/app.js' as string)),
      registration: ended(() => navigator.serviceWorker.register('/vouchsafe-worker.js' as string)),
      handler: ended(() => document.body.setAttribute('onclick', 'window.evil = 1')),
      another: ended(() => trustedTypes.createPolicy('another', {})),
      again: ended(() => trustedTypes.createPolicy('vouchsafe', {})),
      own: ended(() => {
        document.body.innerHTML = policy.createHTML('<b>text</b>');
      }),
    };
    return Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, end]) => [name, await end])));
  });
  expect(outcomes).toEqual({
    html: 'TypeError',
    source: 'TypeError',
    text: 'TypeError',
    worker: 'TypeError',
    registration: 'TypeError',
    handler: 'TypeError',
    another: 'TypeError',
    again: 'TypeError',
    own: 'done',
  });
  expect(await heard(page)).toEqual([]);
  // The library, which has a policy of its own, goes on.
  await site.publish(directory, { offlineSeconds: 7 });
  expect(await update(page)).toMatchObject({ outcome: 'staged' });
  await expect.poll(() => heard(page)).toMatchObject([['staged', {}]]);
});
