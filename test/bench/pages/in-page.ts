/**
 * Functions that run in a page. Each is sent there as text, so it uses nothing from around it.
 */

/** Registers a worker that stores everything before it is installed. @returns milliseconds until it is */
export async function installWhole(script: string): Promise<number> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.register(script, { scope: '/' });
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (worker?.state === 'activated') resolve();
      if (worker?.state === 'redundant') reject(new Error(`${script} was not installed`));
    };
    worker?.addEventListener('statechange', look);
    look();
  });
  return performance.now() - started;
}

/** Registers our worker and has it store the release, as the loader does. @returns milliseconds until it has */
export async function installVouchsafe(): Promise<number> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.register('/vouchsafe-worker.js', { scope: '/' });
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  await new Promise<void>((resolve) => {
    const look = () => worker?.state === 'activated' && resolve();
    worker?.addEventListener('statechange', look);
    look();
  });
  const { port1, port2 } = new MessageChannel();
  const replied = new Promise<unknown>((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  registration.active?.postMessage({ vouchsafe: 'update' }, [port2]);
  const reply = (await replied) as { value?: { outcome?: string } };
  const took = performance.now() - started;
  if (reply.value?.outcome !== 'activated') throw new Error(JSON.stringify(reply));
  return took;
}

/** Registers ngsw, which stores everything once it is active and does not say when it has. @returns milliseconds until it has */
export async function installNgsw(files: number): Promise<number> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.register('/ngsw-worker.js', { scope: '/' });
  const worker = registration.installing ?? registration.waiting ?? registration.active;
  await new Promise<void>((resolve) => {
    const look = () => worker?.state === 'activated' && resolve();
    worker?.addEventListener('statechange', look);
    look();
  });
  for (;;) {
    for (const name of await caches.keys()) {
      if (!name.endsWith(':assets:app:cache')) continue;
      if ((await (await caches.open(name)).keys()).length >= files) return performance.now() - started;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Looks for a new worker, which stores what has changed before it is installed. @returns milliseconds, and whether there was a new one */
export async function updateWhole(): Promise<{ ms: number; isNew: boolean }> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.ready;
  let found: ServiceWorker | null = null;
  registration.addEventListener('updatefound', () => {
    found = registration.installing;
  });
  await registration.update();
  const worker = (found ?? registration.installing) as ServiceWorker | null;
  if (!worker) return { ms: performance.now() - started, isNew: false };
  await new Promise<void>((resolve, reject) => {
    const look = () => {
      if (worker.state === 'redundant') reject(new Error('The new worker was not installed.'));
      else if (worker.state !== 'installing') resolve();
    };
    worker.addEventListener('statechange', look);
    look();
  });
  return { ms: performance.now() - started, isNew: true };
}

/** Has our worker look for a new release and store it. @returns milliseconds, and whether there was one */
export async function updateVouchsafe(): Promise<{ ms: number; isNew: boolean }> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  const replied = new Promise<unknown>((resolve) => {
    port1.onmessage = ({ data }) => resolve(data);
  });
  registration.active?.postMessage({ vouchsafe: 'update' }, [port2]);
  const reply = (await replied) as { value?: { outcome?: string } };
  const outcome = reply.value?.outcome;
  if (outcome !== 'staged' && outcome !== 'current') throw new Error(JSON.stringify(reply));
  return { ms: performance.now() - started, isNew: outcome === 'staged' };
}

/** Has ngsw look for a new version and store it. @returns milliseconds, and whether there was one */
export async function updateNgsw(): Promise<{ ms: number; isNew: boolean }> {
  const started = performance.now();
  const registration = await navigator.serviceWorker.ready;
  const nonce = Math.floor(Math.random() * 1e9);
  const done = new Promise<{ result?: boolean; error?: string }>((resolve) => {
    navigator.serviceWorker.addEventListener('message', ({ data }) => {
      if (data.type === 'OPERATION_COMPLETED' && data.nonce === nonce) resolve(data);
    });
    navigator.serviceWorker.startMessages();
  });
  registration.active?.postMessage({ action: 'CHECK_FOR_UPDATES', nonce });
  const { result, error } = await done;
  if (error) throw new Error(error);
  return { ms: performance.now() - started, isNew: result === true };
}

/** What a page's loading took, in milliseconds from the start of the navigation. */
export interface Timings {
  /** 0 when no worker answered. */
  readonly workerStart: number;
  readonly firstByte: number;
  readonly loaded: number;
  /** When the app said it was ready, if it does. */
  readonly ready: number | undefined;
}

/** @returns what the browser has noted of this page's loading */
export function readTimings(): Timings {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  if (!navigation?.loadEventEnd) throw new Error('The page has not loaded.');
  const { workerStart, responseStart, loadEventEnd } = navigation;
  return {
    workerStart,
    firstByte: responseStart,
    loaded: loadEventEnd,
    ready: performance.getEntriesByName('ready')[0]?.startTime,
  };
}

/** Reads a part of a file. @returns milliseconds until its first bytes, and until all of them */
export async function readRange(url: string, start: number, length: number): Promise<{ firstByte: number; all: number }> {
  const started = performance.now();
  const response = await fetch(url, { headers: { range: `bytes=${start}-${start + length - 1}` }, cache: 'no-store' });
  if (response.status !== 206 || !response.body) throw new Error(`${url}: ${response.status}`);
  const reader = response.body.getReader();
  let firstByte = 0;
  let bytes = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    firstByte ||= performance.now() - started;
    bytes += read.value.length;
  }
  if (bytes !== length) throw new Error(`${url}: ${bytes} bytes`);
  return { firstByte, all: performance.now() - started };
}

/**
 * Reads a file and keeps nothing of it, not even until the next garbage collection: page and worker share a process, and when the page's garbage is
 * collected would be most of what is measured of its memory.
 *
 * @returns milliseconds until its first bytes, and until all of them
 */
export async function readWhole(url: string): Promise<{ firstByte: number; all: number }> {
  const started = performance.now();
  const response = await fetch(url, { cache: 'no-store' });
  if (!response.ok || !response.body) throw new Error(`${url}: ${response.status}`);
  const reader = response.body.getReader();
  const { port1: nowhere, port2 } = new MessageChannel();
  port2.close();
  let firstByte = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    firstByte ||= performance.now() - started;
    nowhere.postMessage(null, [read.value.buffer]);
  }
  return { firstByte, all: performance.now() - started };
}
