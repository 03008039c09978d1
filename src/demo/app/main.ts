import { register, type UpdateResult, type Vouchsafe } from '../../window/register.js';
import { element, textElement } from './elements.js';
import { PARTS, type Part } from './parts.js';
import { showTrust } from './trust-panel.js';
import { wipeStoredFiles } from './wipe.js';

/** What the attacker's console around this page may ask of it: nothing that a person could not do with the buttons below. */
type Order = 'update' | 'wipe' | 'reload';

const vouchsafe = await register();
const toast = element('toast');
vouchsafe.addEventListener('staged', () => {
  toast.hidden = false;
});
element('take').addEventListener('click', () => void vouchsafe.reload());

element('release').textContent = `Release ${RELEASE}`;

const refresh = async (): Promise<void> => showTrust(await vouchsafe.status());

const OUTCOMES: Record<UpdateResult['outcome'], (result: UpdateResult) => string> = {
  current: () => 'This is the newest release.',
  staged: () => 'A newer release is verified and complete. Reload to open it.',
  activated: () => 'The release is verified and active.',
  failed: (result) =>
    result.outcome === 'failed'
      ? `The update was refused (${result.refusal.code}): ${result.refusal.message} What ran before still runs.`
      : '',
};

const orders: Record<Order, (worker: Vouchsafe) => Promise<void>> = {
  async update(worker) {
    element('outcome').textContent = 'Asking the server…';
    const result = await worker.update();
    const outcome = element('outcome');
    outcome.textContent = OUTCOMES[result.outcome](result);
    outcome.dataset.outcome = result.outcome;
    await refresh();
  },
  async wipe(worker) {
    await wipeStoredFiles(worker);
    location.reload();
  },
  async reload() {
    location.reload();
  },
};

const obey = (order: Order): void => {
  orders[order](vouchsafe).catch((error: unknown) => {
    element('outcome').textContent = String(error);
  });
};

for (const order of Object.keys(orders) as Order[]) element(order).addEventListener('click', () => obey(order));

const showPart = async (part: Part): Promise<void> => {
  const card = document.createElement('li');
  const body = document.createElement('div');
  body.textContent = '…';
  card.append(textElement('h3', part.kind), body, textElement('code', part.path));
  card.dataset.path = part.path;
  element('parts').append(card);
  try {
    body.replaceChildren(await part.show());
    card.dataset.state = 'shown';
  } catch {
    body.textContent = 'Refused: these bytes are not what the signers vouched for, or they could not be had.';
    card.dataset.state = 'refused';
  }
};

for (const event of ['staged', 'activated', 'violation', 'state'] as const) vouchsafe.addEventListener(event, () => void refresh());
await refresh();

// The console is another port of this machine. It may be on any port, so the host decides.
addEventListener('message', ({ data, origin }: MessageEvent<{ order?: unknown } | null>) => {
  if (new URL(origin).hostname !== location.hostname) return;
  const order = data?.order;
  if (typeof order === 'string' && Object.hasOwn(orders, order)) obey(order as Order);
});

await Promise.all(PARTS.map(showPart));
await refresh();
document.documentElement.dataset.ready = String(RELEASE);
if (parent !== self) {
  parent.postMessage({ demo: 'ready', release: RELEASE }, '*');
  addEventListener('pagehide', () => parent.postMessage({ demo: 'leaving' }, '*'));
}
