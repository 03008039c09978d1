import { VouchsafeError } from './errors.js';
import type { TargetFile } from './file.js';

/** Longest target path or delegated role's name, in UTF-16 units. Servers and caches stop at about 2,000 bytes of URL; nothing real comes near. */
export const MAX_PATH_LENGTH = 1024;

/**
 * The file name of a role's metadata (specification 3.1, 6). Role names are data: encoded, they cannot leave the folder.
 *
 * @param role role name
 * @param version the version to ask for, or undefined for the name without one (timestamp, and repositories without consistent snapshots)
 */
export function metadataName(role: string, version?: number): string {
  return `${version === undefined ? '' : `${version}.`}${encodeURIComponent(role)}.json`;
}

/**
 * Where a target lies, relative to the folder of targets (specification 5.7.3, 6). With consistent snapshots the file name starts
 * with the hash.
 *
 * @param target the target
 * @param consistentSnapshot whether the repository has consistent snapshots
 * @returns a relative URL, each segment percent-encoded
 * @throws `malformed` for a path that a URL parser or file system could read as another one
 */
export function targetLocation(target: TargetFile, consistentSnapshot: boolean): string {
  const segments = target.path.split('/');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are among what is refused
  if (target.path.length > MAX_PATH_LENGTH || segments.some((segment) => /^\.{0,2}$|[\\\u0000-\u001f]/.test(segment))) {
    throw new VouchsafeError('malformed', 'This target path cannot be asked for.', { path: target.path.slice(0, MAX_PATH_LENGTH) });
  }
  const name = segments.pop();
  const hash = target.hashes.sha256 ?? target.hashes.sha512;
  return [...segments, consistentSnapshot ? `${hash}.${name}` : `${name}`].map(encodeURIComponent).join('/');
}
