import type { Delta } from '../tuf/delta.js';

const COMMA = 44;

/**
 * Writes how one version of a document is made from another (see `Delta`). Both are cut at commas, which in JSON is between a list's
 * elements at the latest; what the old one has is copied.
 *
 * @param base the old version, JSON
 * @param bytes the new version, JSON
 * @returns the delta
 */
export function makeDelta(base: Uint8Array, bytes: Uint8Array): Uint8Array {
  const old = pieces(base);
  /** Where the old version has a piece, first. */
  const places = new Map<string, number>();
  old.forEach(({ text }, i) => {
    if (!places.has(text)) places.set(text, i);
  });
  const delta: (string | [number, number])[] = [];
  let next = -1;
  for (const { text } of pieces(bytes)) {
    // What follows on the last copy is rather that than another place with the same text.
    const place = old[next]?.text === text ? next : places.get(text);
    const last = delta.at(-1);
    if (place === undefined) {
      if (typeof last === 'string') delta[delta.length - 1] = last + text;
      else delta.push(text);
      next = -1;
      continue;
    }
    const { begin, end } = old[place] as Piece;
    if (place === next && Array.isArray(last)) last[1] = end;
    else delta.push([begin, end]);
    next = place + 1;
  }
  return new TextEncoder().encode(JSON.stringify(delta satisfies Delta));
}

interface Piece {
  readonly text: string;
  readonly begin: number;
  readonly end: number;
}

function pieces(bytes: Uint8Array): Piece[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const all: Piece[] = [];
  for (let begin = 0; begin < bytes.length; ) {
    const comma = bytes.indexOf(COMMA, begin);
    const end = comma < 0 ? bytes.length : comma + 1;
    all.push({ text: decoder.decode(bytes.subarray(begin, end)), begin, end });
    begin = end;
  }
  return all;
}
