import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readKeyFile } from '../../dist/node/key-file.js';
import { signMetadata } from '../../dist/repository/sign.js';
import { ed25519Signer, type Signer } from '../../dist/repository/signer.js';
import { describe } from '../../dist/tuf/file.js';
import type { JsonObject } from '../../dist/tuf/json.js';
import type { Site } from './fixtures.js';

type Role = 'root' | 'timestamp' | 'snapshot' | 'targets';

/** What a snapshot or timestamp lists. */
type Meta = Record<string, { version: number; length?: number; hashes?: { sha256: string } }>;

/** The `signed` part of a role's metadata, open for a lie. */
export interface Signed extends JsonObject {
  version: number;
  expires: string;
}

/**
 * Someone who has stolen keys of a site, and its server. Writes metadata into the published folder that is signed with real keys, but says
 * what no publisher would say.
 */
export class Thief {
  readonly #site: Site;

  constructor(site: Site) {
    this.#site = site;
  }

  /** All of a role's stolen keys. */
  async signers(role: Role): Promise<Signer[]> {
    const keys = join(this.#site.project, 'keys');
    const names = (await readdir(keys)).filter((name) => name.startsWith(`${role}-`)).sort();
    return Promise.all(names.map(async (name) => ed25519Signer(await readKeyFile(join(keys, name)))));
  }

  /** The newest version of a role's metadata in the published folder. */
  async newest(role: Role): Promise<Signed> {
    const versions = (await readdir(this.#metadata)).flatMap(
      (name) => new RegExp(`^(\\d+)\\.${role}\\.json$`).exec(name)?.[1] ?? [],
    );
    const name = role === 'timestamp' ? 'timestamp.json' : `${Math.max(...versions.map(Number))}.${role}.json`;
    return JSON.parse(await readFile(join(this.#metadata, name), 'utf8')).signed as Signed;
  }

  /**
   * Writes a forged version of a role's metadata.
   *
   * @param role which
   * @param change turns the newest version's `signed` part into the lie
   * @param signers who signs; all of the role's keys by default
   */
  async forge(role: Role, change: (signed: Signed) => void, signers?: readonly Signer[]): Promise<void> {
    const signed = await this.newest(role);
    change(signed);
    await this.write(role, signed.version, await signMetadata(signed, signers ?? (await this.signers(role))));
  }

  /** Writes a role's document as it is. */
  async write(role: Role, version: number, bytes: Uint8Array | string): Promise<void> {
    await writeFile(join(this.#metadata, role === 'timestamp' ? 'timestamp.json' : `${version}.${role}.json`), bytes);
  }

  /** A role's document as it is. */
  async read(role: Role, version: number): Promise<Buffer> {
    return readFile(join(this.#metadata, role === 'timestamp' ? 'timestamp.json' : `${version}.${role}.json`));
  }

  /** Forges the next snapshot, and the timestamp that makes clients ask for it. */
  async forgeSnapshot(change: (signed: Signed, meta: Meta) => void): Promise<void> {
    await this.forge('snapshot', (signed) => {
      signed.version++;
      change(signed, signed.meta as unknown as Meta);
    });
    const { version } = await this.newest('snapshot');
    await this.pinSnapshot(version);
  }

  /** Forges the next timestamp so that it lists this version of the snapshot. */
  async pinSnapshot(version: number): Promise<void> {
    const digest = await describe(await this.read('snapshot', version));
    await this.forge('timestamp', (signed) => {
      signed.version++;
      signed.meta = { 'snapshot.json': { version, length: digest.length, hashes: { ...digest.hashes } } };
    });
  }

  get #metadata(): string {
    return join(this.#site.out, 'vouchsafe', 'metadata');
  }
}
