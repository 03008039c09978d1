/**
 * The loader: what the server gives to a browser that has no worker yet, at every page's URL. It registers the worker, shows how far the
 * first release is, and loads the same URL again, which the worker then answers. The app itself never runs from here.
 */
import type { Progress, Refusal } from '../messages/messages.js';
import { Connection } from './connection.js';
import { RefusedError } from './errors.js';
import { pastTheWorker } from './uncontrolled.js';

/**
 * How often in a row one tab may come back here before the loader says so instead of loading once more. A hard reload comes back once;
 * more means that the browser does not let the worker answer.
 */
const RETURNS_ALLOWED = 3;
/** Returns further apart than this (milliseconds) are not in a row. */
const RETURNS_WITHIN = 15_000;
const RETURNS_KEY = 'vouchsafe-loader-returns';

// `currentScript` is only there while the script first runs.
const base = document.currentScript?.dataset.base ?? '/';
const title = element('title', HTMLElement);
const bar = element('progress', HTMLProgressElement);
const detail = element('detail', HTMLElement);
const facts = element('facts', HTMLElement);
const retry = element('retry', HTMLButtonElement);

retry.addEventListener('click', () => location.reload());
void load();

async function load(): Promise<void> {
  try {
    const past = await pastTheWorker();
    const worker = await Connection.open({ worker: `${base}vouchsafe-worker.js`, scope: base });
    const standsDown = new Promise<'stood-down'>((resolve) => {
      worker.listen((event) => {
        if (event.vouchsafe === 'progress') showProgress(event.progress);
        else if (event.vouchsafe === 'stood-down') resolve('stood-down');
      });
    });
    // Reported here: the page that comes next is under control again, and knows nothing of it.
    const reported = past && worker.ask({ vouchsafe: 'report', refusal: past }).catch(() => {});
    const update = () => worker.ask({ vouchsafe: 'update' });
    // A worker that stood down before this page was loaded may only now be gone; the next one has the word.
    const updated = update().catch(() => worker.reopen().then(update));
    const result = await Promise.race([standsDown, updated]);
    if (result === 'stood-down') return leaveForGood();
    // A release from before is shown also when the update failed: the worker decides whether it may still run.
    if (result.outcome === 'failed' && result.freshness === 'empty') return showRefusal(result.refusal);
    if (countReturn() > RETURNS_ALLOWED) {
      return showRefusal({
        code: 'unsupported',
        message:
          'The files are verified, but this browser does not let the worker show them. A browser extension or a setting may block it.',
        facts: { url: location.href },
      });
    }
    bar.value = 1;
    await reported;
    location.reload();
  } catch (error) {
    const refusal: Refusal = error instanceof RefusedError ? error : { code: 'unsupported', message: String(error), facts: {} };
    showRefusal(refusal);
  }
}

/** Without the worker, the server has the word again. If all it has to say is this page, loading it once more will not help. */
function leaveForGood(): void {
  const message = 'The signers of this site have ended these checks, but the server still answers with the page that begins them.';
  if (countReturn() === 1) location.reload();
  else showRefusal({ code: 'unsupported', message, facts: { url: location.href } });
}

function showProgress({ files, totalFiles, bytes, totalBytes }: Progress): void {
  bar.max = totalBytes;
  bar.value = bytes;
  detail.textContent = `${files} of ${totalFiles} files verified, ${megabytes(bytes)} of ${megabytes(totalBytes)} MB`;
}

function showRefusal({ code, message, facts: details }: Refusal): void {
  // In the tab too, which may be one of many.
  document.title = 'This site was not opened';
  title.textContent = document.title;
  bar.hidden = true;
  detail.textContent = message;
  facts.replaceChildren(
    ...Object.entries({ reason: code, ...details }).flatMap(([name, value]) => {
      const term = document.createElement('dt');
      const description = document.createElement('dd');
      term.textContent = name;
      description.textContent = String(value);
      return [term, description];
    }),
  );
  retry.hidden = false;
}

/** How often this page has come back to the same address. Session storage may be blocked; then the person, not a counter, ends the loop. */
function countReturn(): number {
  try {
    const [count, last, url] = (sessionStorage.getItem(RETURNS_KEY) ?? '').split(' ');
    const now = Date.now();
    const next = url === location.href && now - Number(last) < RETURNS_WITHIN ? Number(count) + 1 : 1;
    sessionStorage.setItem(RETURNS_KEY, `${next} ${now} ${location.href}`);
    return next;
  } catch {
    return 0;
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The loader page has no element "${id}".`);
  return found;
}
