import type { ConsoleState, Order, SwitchText } from './protocol.js';

const element = (id: string): HTMLElement => {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no element "${id}".`);
  return found;
};

const frame = element('app') as HTMLIFrameElement;
const buttons = new Map<string, HTMLButtonElement>();
let state: ConsoleState | undefined;

const reloadFrame = (): void => {
  if (state !== undefined) frame.src = state.appUrl;
};

/** The app obeys when it runs. When it does not, a new attempt to open it is all there is. */
let runs = false;
const order = (what: Order): void => {
  if (runs) frame.contentWindow?.postMessage({ order: what }, state?.appUrl ?? location.origin);
  else reloadFrame();
};

const post = async (path: string, body: object): Promise<void> => {
  const response = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
};

const act = (saying: string, work: () => Promise<void>): void => {
  const doing = element('doing');
  doing.textContent = saying;
  work().then(
    () => {
      doing.textContent = '';
    },
    (error: unknown) => {
      doing.textContent = String(error);
    },
  );
};

const switchItem = ({ id, title, does, shows, order: what, files }: SwitchText): HTMLLIElement => {
  const item = document.createElement('li');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = title;
  button.id = `switch-${id}`;
  button.setAttribute('aria-pressed', 'false');
  const text = document.createElement('p');
  text.id = `about-${id}`;
  const result = document.createElement('p');
  text.textContent = does;
  result.textContent = shows;
  result.className = 'shows';
  button.setAttribute('aria-describedby', text.id);
  item.append(button);
  let select: HTMLSelectElement | undefined;
  if (files !== undefined) {
    select = document.createElement('select');
    select.id = `file-${id}`;
    select.setAttribute('aria-label', `${title}: which file`);
    select.append(...files.map((file) => new Option(file, file)));
    item.append(' of ', select);
  }
  item.append(text, result);
  button.addEventListener('click', () =>
    act('', async () => {
      await post('/switch', { id, file: select?.value });
      order(what);
    }),
  );
  buttons.set(id, button);
  return item;
};

const show = (next: ConsoleState): void => {
  const first = state === undefined;
  state = next;
  if (first) {
    element('switches').replaceChildren(...next.switches.map(switchItem));
    (element('link') as HTMLAnchorElement).href = next.appUrl;
    reloadFrame();
  }
  for (const [id, button] of buttons) button.setAttribute('aria-pressed', String(id === next.attack));
  const attack = next.switches.find(({ id }) => id === next.attack);
  const line = element('state');
  line.textContent = attack
    ? `The server is hostile: ${attack.title.toLowerCase()}.`
    : `The server is honest, with release ${next.release}.`;
  line.dataset.hostile = String(attack !== undefined);
  element('requests').replaceChildren(
    ...next.requests.map(({ path, at, lied }) => {
      const item = document.createElement('li');
      item.textContent = `${new Date(at).toLocaleTimeString('en', { hour12: false })} ${path.replace(/[0-9a-f]{56}\./, '….')}`;
      item.className = lied ? 'lied' : '';
      return item;
    }),
  );
};

// A page that was refused, or a loader that waits, says nothing to its parent.
frame.addEventListener('load', () => {
  if (!runs) element('running').textContent = 'The app does not run.';
});

addEventListener('message', ({ data, origin }: MessageEvent<{ demo?: unknown; release?: unknown } | null>) => {
  // By origin: a page that is leaving is no longer the frame's window when its last message arrives.
  if (state === undefined || origin !== new URL(state.appUrl).origin) return;
  if (data?.demo === 'ready') {
    runs = true;
    element('running').textContent = `The app runs release ${String(data.release)}.`;
  } else if (data?.demo === 'leaving') {
    runs = false;
    element('running').textContent = '';
  }
});

element('honest').addEventListener('click', () =>
  act('', async () => {
    await post('/switch', { id: null });
    order('reload');
  }),
);

element('publish').addEventListener('click', () =>
  act('Building and signing the next release…', async () => {
    await post('/publish', {});
    order('update');
  }),
);

new EventSource('/events').addEventListener('message', ({ data }: MessageEvent<string>) => show(JSON.parse(data) as ConsoleState));
