import { createHash } from 'node:crypto';
import { Metadata, MetadataKind, Signature } from '@tufjs/models';
import type { JsonObject } from '../../src/tuf/json.js';
import type { TopLevelRole } from '../../src/tuf/root.js';
import { type NodeKeyType, type NodeSigner, nodeSigner } from './node-signers.js';

const EXPIRES = '2100-01-01T00:00:00Z';
type Kind = 'root' | 'timestamp' | 'snapshot' | 'targets';
const KINDS = {
  root: MetadataKind.Root,
  timestamp: MetadataKind.Timestamp,
  snapshot: MetadataKind.Snapshot,
  targets: MetadataKind.Targets,
};

/** Delegated roles of a `ModelsRepository`: the field `delegations`, and each role's files and signers. */
export interface ModelsDelegation {
  readonly delegations: JsonObject;
  readonly roles: ReadonlyMap<string, { readonly files: Readonly<Record<string, string>>; readonly signer: NodeSigner }>;
}

/** A repository that tuf-js's own library makes: it writes, encodes and signs all metadata, with keys of Node's. None of our code has a part in it. */
export class ModelsRepository {
  /** What the server has, by URL path. */
  readonly files = new Map<string, Uint8Array>();
  #signers: Record<TopLevelRole, NodeSigner[]>;
  #rootVersion = 0;
  #version = 0;

  /** @param keyTypes each top-level role has one key of each type, and all of them must sign */
  constructor(keyTypes: readonly NodeKeyType[]) {
    const signers = () => keyTypes.map((type) => nodeSigner(type));
    this.#signers = { root: signers(), timestamp: signers(), snapshot: signers(), targets: signers() };
    this.#publishRoot([]);
  }

  /** The first version of the root. */
  get root(): Uint8Array {
    return this.files.get('/metadata/1.root.json') ?? new Uint8Array();
  }

  /** Publishes the next root with new keys of the same types for every role; the next release is signed with them. */
  rotate(): void {
    const old = this.#signers.root;
    const renew = (signers: NodeSigner[]) => signers.map(({ type }) => nodeSigner(type));
    const { root, timestamp, snapshot, targets } = this.#signers;
    this.#signers = { root: renew(root), timestamp: renew(timestamp), snapshot: renew(snapshot), targets: renew(targets) };
    this.#publishRoot(old);
  }

  /** Publishes a release of these files, by target path. */
  release(files: Readonly<Record<string, string>>, delegation?: ModelsDelegation): void {
    this.#version++;
    const version = this.#version;
    const meta: JsonObject = {};
    const put = (role: string, kind: Kind, content: JsonObject, signers: readonly NodeSigner[]): JsonObject => {
      const bytes = this.#put(`${role === 'timestamp' ? '' : `${version}.`}${role}.json`, kind, { version, ...content }, signers);
      return { version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
    };
    for (const [role, { files, signer }] of delegation?.roles ?? []) {
      meta[`${role}.json`] = put(role, 'targets', { targets: this.#putTargets(files) }, [signer]);
    }
    const targets = { targets: this.#putTargets(files), ...(delegation && { delegations: delegation.delegations }) };
    meta['targets.json'] = put('targets', 'targets', targets, this.#signers.targets);
    const snapshot = put('snapshot', 'snapshot', { meta }, this.#signers.snapshot);
    put('timestamp', 'timestamp', { meta: { 'snapshot.json': snapshot } }, this.#signers.timestamp);
  }

  #publishRoot(oldSigners: readonly NodeSigner[]): void {
    this.#rootVersion++;
    const all = Object.values(this.#signers).flat();
    const keys = Object.fromEntries(all.map(({ keyid, key }) => [keyid, key]));
    const roles = Object.fromEntries(
      Object.entries(this.#signers).map(([role, signers]) => [
        role,
        { keyids: signers.map(({ keyid }) => keyid), threshold: signers.length },
      ]),
    );
    const content = { version: this.#rootVersion, consistent_snapshot: true, keys, roles };
    this.#put(`${this.#rootVersion}.root.json`, 'root', content, [...oldSigners, ...this.#signers.root]);
  }

  #putTargets(files: Readonly<Record<string, string>>): JsonObject {
    return Object.fromEntries(
      Object.entries(files).map(([path, text]) => {
        const bytes = Buffer.from(text);
        const hash = sha256(bytes);
        this.files.set(`/targets/${path.replace(/[^/]*$/, (name) => `${hash}.${name}`)}`, bytes);
        return [path, { length: bytes.length, hashes: { sha256: hash } }];
      }),
    );
  }

  #put(name: string, kind: Kind, content: JsonObject, signers: readonly NodeSigner[]): Uint8Array {
    const signed = { _type: kind, spec_version: '1.0.31', expires: EXPIRES, ...content };
    const metadata = fromJson(kind, { signed, signatures: [] });
    for (const signer of signers) {
      metadata.sign((bytes) => new Signature({ keyID: signer.keyid, sig: signer.signNow(bytes).toString('hex') }));
    }
    const bytes = Buffer.from(JSON.stringify(metadata.toJSON()));
    this.files.set(`/metadata/${name}`, bytes);
    return bytes;
  }
}

function fromJson(kind: Kind, document: JsonObject): Metadata<never> {
  // Its overloads want to know the kind; what is done with the result does not depend on it.
  return Metadata.fromJSON(KINDS[kind] as MetadataKind.Root, document) as unknown as Metadata<never>;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
