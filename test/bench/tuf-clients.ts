import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Updater as TufJsUpdater } from 'tuf-js';
import { Updater } from '../../src/tuf/updater.js';
import { FileStore } from '../interop/file-store.js';

/** The clients that are compared. */
export type ClientName = 'vouchsafe' | 'tuf-js';

/** What both clients can do. */
export interface BenchClient {
  refresh(): Promise<unknown>;
  /** @returns what the metadata lists, or undefined */
  find(path: string): Promise<{ readonly length: number } | undefined>;
}

/** Where a client's repository is and what it starts from. */
export interface ClientSetting {
  readonly root: Uint8Array;
  /** The metadata folder's URL, with a trailing slash. */
  readonly url: string;
  /** The folder where it keeps its metadata. */
  readonly folder: string;
}

interface ClientKind {
  /** Makes a folder ready for the first client. tuf-js wants the root there; ours takes it as an option. */
  prepare(setting: ClientSetting): void;
  create(setting: ClientSetting): BenchClient;
}

/** Both with their own defaults: tuf-js with make-fetch-happen, ours with Node's fetch. */
export const CLIENTS: Readonly<Record<ClientName, ClientKind>> = {
  vouchsafe: {
    prepare() {},
    create({ root, url, folder }) {
      const updater = new Updater({ root, store: new FileStore(folder), fetch, metadataUrl: url, targetsUrl: url });
      return { refresh: () => updater.refresh(), find: (path) => updater.findTarget(path) };
    },
  },
  'tuf-js': {
    prepare({ root, folder }) {
      writeFileSync(join(folder, 'root.json'), root);
    },
    create({ url, folder }) {
      const updater = new TufJsUpdater({ metadataDir: folder, metadataBaseUrl: url });
      return { refresh: () => updater.refresh(), find: (path) => updater.getTargetInfo(path) };
    },
  },
};
