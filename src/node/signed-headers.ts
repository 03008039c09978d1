import { METADATA_FOLDER, TARGETS_FOLDER } from '../release/config.js';
import { headersFor, MANIFEST_PATH, parseManifest } from '../release/manifest.js';

/** The headers of a file, by lower-case name. */
export type SignedHeaders = ReadonlyMap<string, string>;

interface Metadata {
  readonly signed: {
    readonly meta: { readonly [name: string]: { readonly version: number } };
    readonly targets: { readonly [path: string]: { readonly hashes: { readonly sha256: string } } };
  };
}

/**
 * What a host has to send with the scripts that browsers keep compiled: a worker takes them from their own URLs only under exactly the headers that
 * are signed. Nothing is verified here: it is the publisher's own folder.
 *
 * @param read reads a file of the published folder by its path there
 * @returns the headers by target path
 * @throws what `read` throws, and what a folder that is no published one makes of it
 */
export async function signedHeaders(read: (path: string) => Promise<Uint8Array>): Promise<ReadonlyMap<string, SignedHeaders>> {
  const metadata = async (name: string): Promise<Metadata['signed']> =>
    (JSON.parse(new TextDecoder().decode(await read(METADATA_FOLDER + name))) as Metadata).signed;
  const { meta } = await metadata('timestamp.json');
  const snapshot = await metadata(`${meta['snapshot.json']?.version}.snapshot.json`);
  const { targets } = await metadata(`${snapshot.meta['targets.json']?.version}.targets.json`);
  const manifest = parseManifest(await read(`${TARGETS_FOLDER}${targets[MANIFEST_PATH]?.hashes.sha256}.${MANIFEST_PATH}`));
  return new Map([...manifest.codeCache].map((path) => [path, headersFor(manifest, path)]));
}
