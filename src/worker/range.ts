/** Positions of the first and the last byte, both included, as `Content-Range` has them. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The part of a file that a request asks for (RFC 9110, 14.2 and 13.1.5).
 *
 * Several ranges at once, other units and what is malformed are as if there was no `Range`: a server may always answer with the whole file,
 * and must not refuse for a header that it does not understand.
 *
 * @param headers the request's
 * @param length of the file, in bytes
 * @param etag the file's entity tag, with its quotes. `If-Range` with anything else (a date, a weak tag) asks for the whole file
 * @returns the part, undefined for the whole file, or `unsatisfiable` for status 416 (with `Content-Range` of `bytes *` and the length)
 */
export function requestedRange(
  headers: Pick<Headers, 'get'>,
  length: number,
  etag: string,
): ByteRange | 'unsatisfiable' | undefined {
  const range = headers.get('range');
  if (range === null) return undefined;
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(range) ?? [];
  if ((headers.get('if-range') ?? etag) !== etag || !(first || last)) return undefined;
  if (!first) {
    if (Number(last) === 0) return 'unsatisfiable';
    // The last bytes of nothing are all there is, for which there is no Content-Range.
    return length === 0 ? undefined : { start: Math.max(0, length - Number(last)), end: length - 1 };
  }
  if (last && Number(last) < Number(first)) return undefined;
  if (Number(first) >= length) return 'unsatisfiable';
  return { start: Number(first), end: last ? Math.min(Number(last), length - 1) : length - 1 };
}
