import { download } from '../tuf/download.js';
import { withFacts } from '../tuf/errors.js';
import { checkFile, inWords, type TargetFile } from '../tuf/file.js';
import { DEFAULT_LIMITS } from '../tuf/limits.js';
import type { Release } from './release.js';
import { recognition } from './verified-files.js';

/**
 * Reads the body of an answer that somebody else asked for, and checks it. Of one that is too long no more is read than tells what it is.
 *
 * @param response the answer, not read yet
 * @param url where it is from
 * @param file what it has to be
 * @param release the release that the file is of
 * @param older the files that other releases have under its path, to recognise them by
 * @returns the bytes
 * @throws `mismatch` with a diagnosis, `too-long`, `too-slow`, `unreachable` when it breaks off
 */
export async function checkedBody(
  { body, status }: Response,
  url: string,
  file: TargetFile,
  { manifest }: Release,
  older: readonly TargetFile[],
): Promise<Uint8Array<ArrayBuffer>> {
  const { maxLength, diagnose } = recognition(file, manifest, older);
  const facts = { path: file.path, url, status };
  try {
    // Whatever the status is: the bytes decide.
    const answer = async () => ({ status: 200, type: 'default', body });
    const bytes = await download(answer, url, maxLength, DEFAULT_LIMITS, inWords(file));
    await checkFile(bytes, file, facts).catch(async (error) => {
      throw withFacts(error, { diagnosis: await diagnose(bytes) });
    });
    return bytes as Uint8Array<ArrayBuffer>;
  } catch (error) {
    throw withFacts(error, facts);
  }
}
