/** The status page: what the worker trusts, what it refused, and the buttons to make it look and verify. One file, below the scope. */
import type { Progress, UpdateResult, VerifyResult, WorkerEvent } from '../messages/messages.js';
import { ask } from '../window/ask.js';
import { byId } from './elements.js';
import { showStatus, tick } from './show.js';
import { size } from './words.js';

const bar = byId('bar') as HTMLProgressElement;
const far = byId('far');
const result = byId('result');
const buttons = [...document.querySelectorAll('button')];

// Undefined over plain HTTP, whatever the type says.
const container = navigator.serviceWorker as ServiceWorkerContainer | undefined;
void begin();

async function begin(): Promise<void> {
  const registration = await container?.getRegistration();
  const scope = registration?.scope ?? new URL('../', location.href).href;
  byId('scope').textContent = scope;
  // Not relative to this page, whose address may or may not end with a slash.
  for (const link of document.links) link.href = new URL(link.getAttribute('href') ?? '', scope).href;
  if (!container?.controller || !registration) {
    byId('main').ariaBusy = 'false';
    byId('state').textContent = 'No worker controls this page';
    byId('sentence').textContent = container
      ? 'Nothing is checked here. Open the site and come back; after a hard reload, load this page again.'
      : 'This browser has no service workers here; they need HTTPS.';
    return;
  }

  const refresh = async () => {
    showStatus(await ask(registration, { vouchsafe: 'status' }));
    byId('main').ariaBusy = 'false';
    byId('actions').hidden = byId('rest').hidden = false;
  };

  const onClick = (id: string, doing: string, work: () => Promise<string>) => {
    byId(id).addEventListener('click', async () => {
      for (const button of buttons) button.disabled = true;
      result.textContent = doing;
      bar.removeAttribute('value');
      bar.hidden = false;
      try {
        result.textContent = await work();
      } catch (error) {
        result.textContent = `Failed: ${(error as Error).message}`;
      }
      bar.hidden = true;
      far.textContent = '';
      for (const button of buttons) button.disabled = false;
      await refresh();
      // Where it was before the button was disabled, or gone.
      byId(byId(id).hidden ? 'look' : id).focus();
    });
  };

  onClick('look', 'Looking for a new release…', async () => updateWords(await ask(registration, { vouchsafe: 'update' })));
  onClick('verify', 'Verifying every stored file…', async () => verifyWords(await ask(registration, { vouchsafe: 'verify' })));
  onClick('activate', 'Activating…', async () => {
    const { activated } = await ask(registration, { vouchsafe: 'activate' });
    return activated ? `Release ${activated.id} is active.` : 'No new release was waiting.';
  });

  container.addEventListener('message', ({ data }: MessageEvent<WorkerEvent | undefined>) => {
    if (data?.vouchsafe === 'progress' || data?.vouchsafe === 'verifying') showProgress(data.progress);
    else if (data?.vouchsafe) void refresh();
  });
  container.startMessages();
  document.addEventListener('visibilitychange', () => void refresh());
  setInterval(tick, 1000);
  await refresh();
}

function showProgress({ files, totalFiles, bytes, totalBytes }: Progress): void {
  bar.max = totalBytes || 1;
  bar.value = bytes;
  far.textContent = `${files} of ${totalFiles} files, ${size(bytes)} of ${size(totalBytes)}`;
}

function updateWords(update: UpdateResult): string {
  if (update.outcome === 'failed') return `Refused (${update.refusal.code}): ${update.refusal.message} What ran before still runs.`;
  if (update.outcome === 'current') return 'This is the newest release.';
  return `Release ${update.release.id} is verified and ${update.outcome}.`;
}

function verifyWords({ files, bytes, healed, failed }: VerifyResult): string {
  const repaired = healed.length ? ` ${healed.length} were damaged and have been replaced: ${healed.join(', ')}.` : '';
  const broken = failed.map(({ code, message, facts }) => ` ${facts.path ?? ''}: ${message} (${code})`).join('');
  return `${files} files, ${size(bytes)}: ${failed.length ? 'not all are right.' : 'all are right.'}${repaired}${broken}`;
}
