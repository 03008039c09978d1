import { headersFor, matches } from '../release/manifest.js';
import { VouchsafeError } from '../tuf/errors.js';
import { checkFile, type TargetFile } from '../tuf/file.js';
import { type AnswerParts, answer, expectedFile } from './answerer.js';
import { diagnose } from './diagnosis.js';
import type { Release } from './release.js';
import { routeRequest } from './route-request.js';
import { fileKey } from './verified-files.js';

/** Bytes. What is larger is not read a second time only to be compared. */
const COMPARED_UP_TO = 2 ** 26;

/**
 * Answers with what the network says, and reports what would have been refused. Only the paths that the signed manifest enforces are answered
 * from the release.
 *
 * @param event the request
 * @param parts what verified answers are made from
 * @throws VouchsafeError for enforced paths
 */
export async function answerReportOnly(event: FetchEvent, parts: AnswerParts): Promise<Response> {
  const { request } = event;
  const { config, scope, releases, updates, violations } = parts;
  const wanted = routeRequest(request, scope, config.passthrough);
  if (wanted === 'network') return fetch(request);
  await releases.open();
  if (wanted === 'document') {
    await updates.activateForNavigation();
    event.waitUntil(updates.look());
  }
  const release = await releases.ofRequest(event, () => true);
  const file = release && expectedFile(release, request, parts);
  if (release && file && 'path' in file && release.manifest.enforce.some((pattern) => matches(pattern, file.path))) {
    return answer(event, parts);
  }
  if (release && event.resultingClientId) event.waitUntil(releases.pins.pin(event, release.key));
  const response = await fetch(request);
  if (release && file) {
    const copy = response.clone();
    event.waitUntil(
      compare(copy, file, release, releases.older(file instanceof VouchsafeError ? '' : file.path)).catch((error) =>
        violations.record(error, 'report-only'),
      ),
    );
  }
  return response;
}

async function compare(
  response: Response,
  file: TargetFile | VouchsafeError,
  { manifest }: Release,
  older: Promise<readonly TargetFile[]>,
): Promise<void> {
  if (file instanceof VouchsafeError) throw file;
  // Of another origin's answer nothing can be read.
  if (file.length > COMPARED_UP_TO || response.type === 'opaque') return;
  const bytes = new Uint8Array(await response.arrayBuffer());
  const facts = { path: file.path, url: response.url, status: response.status };
  try {
    await checkFile(bytes, file, facts);
  } catch (error) {
    if (!(error instanceof VouchsafeError)) throw error;
    const known = await older;
    const type = headersFor(manifest, file.path).get('content-type') ?? '';
    const diagnosis = await diagnose(
      bytes,
      file,
      type,
      (hash) => known.some((other) => fileKey(other) === hash),
      manifest.chunks.get(file.path),
    );
    throw new VouchsafeError(error.code, error.message, { ...error.facts, diagnosis });
  }
}
