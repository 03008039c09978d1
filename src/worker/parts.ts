import type { Status, WorkerEvent } from '../messages/messages.js';
import type { WorkerConfig } from '../release/config.js';
import { Store } from '../store/store.js';
import { Refresher } from '../tuf/refresher.js';
import type { AnswerParts } from './answerer.js';
import { ChunkedFiles } from './chunked-files.js';
import { serversOf } from './pack-download.js';
import type { Release } from './release.js';
import { ReleaseReader } from './release-reader.js';
import { Releases } from './releases.js';
import type { ReplyParts } from './replies.js';
import { Reporter } from './reporter.js';
import { ScriptCopies } from './script-copies.js';
import { Updates } from './updates.js';
import { VerifiedFiles } from './verified-files.js';
import { vetNext } from './vet.js';
import { ViolationLog } from './violation-log.js';

declare const self: ServiceWorkerGlobalScope;

/**
 * Puts the parts of a worker together. Nothing here throws, whatever the configuration holds: a worker that throws while it starts is one
 * that the browser passes by.
 *
 * @param config the trusted root and where the repository is
 * @param readers who reads answers: the engine alone, or other code of this worker, too
 */
export function partsOf(config: WorkerConfig, readers: AnswerParts['readers']): ReplyParts {
  const { registration, clients } = self;
  const scope = new URL(registration.scope);
  const life = crypto.randomUUID();
  let filesVerified = 0;

  const store: Store = new Store(scope.href, (error) => onDamage(error));
  // First of all: the engine opens the database meanwhile. A worker that is only being installed leaves it to the active one; Firefox does not say which of
  // them this is.
  if (self.serviceWorker?.state === 'activated') store.prepare();
  const violations = new ViolationLog(store, announce);
  const reporter = new Reporter(scope, {
    unreported: () => violations.unreported(),
    markReported: (keys) => violations.markReported(keys),
    lot: () => store.lot(),
  });
  const report = async (): Promise<void> => {
    const { active } = releases;
    if (active) await reporter.send(active.manifest.reporting, active.id);
  };
  const onMirrorFailure = (error: unknown): void => void violations.record(error, 'update');
  const onDamage = (error: unknown): void => void violations.record(error, 'storage');
  const refresher = (): Refresher =>
    new Refresher({
      root: reader.roots.at(-1) ?? new Uint8Array(),
      store,
      fetch: (url, init) => fetch(url, init),
      metadataUrl: urls(config.metadata, scope),
      targetsUrl: urls(config.targets, scope),
      onMirrorFailure,
      hasDeltas: true,
      isEager: true,
    });
  const files = new VerifiedFiles(store, refresher, (path) => releases.older(path), onDamage);
  const chunks = new ChunkedFiles(
    store,
    () => urls(config.targets, scope),
    (path) => releases.olderHashes(path),
    onDamage,
    onMirrorFailure,
  );
  const scripts = new ScriptCopies(scope, onDamage);
  const reader = new ReleaseReader(config, {
    store,
    violations,
    manifest: (file, consistentSnapshot) => files.read({ consistentSnapshot }, file),
    targets: (...listed) => refresher().downloadTargetsMetadata(...listed),
  });
  const releases = new Releases(store, reader, violations, clients, scripts);
  const standDown = async (): Promise<void> => {
    await announce({ vouchsafe: 'stood-down' });
    await registration.unregister();
    await scripts.keep('none');
    await store.clear();
  };
  const packServers = (release: Release) => serversOf(release, urls(config.targets, scope), (url, init) => fetch(url, init));
  const isOffline = (): boolean => !self.navigator.onLine;
  const updates = new Updates({
    releases,
    files,
    chunks,
    scripts,
    store,
    violations,
    announce,
    refresher,
    packServers,
    standDown,
    isOffline,
    report,
  });
  return {
    config,
    scope,
    registration,
    releases,
    updates,
    files,
    chunks,
    scripts,
    violations,
    announce,
    standDown,
    report,
    reportsTo: () => reporter.endpoint(releases.active?.manifest.reporting),
    isEmbedded,
    onNavigation: async () => {
      if (registration.waiting) await vetNext({ config, registration, releases, updates, violations, announce, report });
    },
    readers,
    onVerified: () => {
      filesVerified++;
    },
    life: (): Pick<Status, 'life' | 'filesVerified'> & { kept: Status['storage']['kept'] } => ({
      life,
      filesVerified,
      kept: store.kept,
    }),
  };
}

function urls(folders: string | readonly string[], scope: URL): string[] {
  return [folders].flat().map((folder) => new URL(folder, scope).href);
}

async function isEmbedded(): Promise<boolean> {
  const clients = await self.clients.matchAll({ type: 'window' });
  return clients.every(({ frameType }) => frameType === 'nested');
}

async function announce(event: WorkerEvent): Promise<void> {
  try {
    // The loader is not controlled yet when the first release arrives.
    const clients = await self.clients.matchAll({ includeUncontrolled: true, type: 'window' });
    for (const client of clients) if (client.url.startsWith(self.registration.scope)) client.postMessage(event);
  } catch {
    // Nobody hears it; what it is about goes on all the same.
  }
}
