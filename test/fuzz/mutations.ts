import fc from 'fast-check';

/** Any JSON value, as `JSON.parse` gives it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Names and texts that programs stumble over. */
export const hostileTexts = fc.oneof(
  fc.constantFrom('', 'root', 'timestamp', 'snapshot', 'targets'),
  fc.constantFrom(
    '',
    '__proto__',
    'constructor',
    'root',
    'targets',
    '..',
    '.',
    '/',
    '../..',
    'a/../b',
    '%2e%2e',
    '%2F',
    '\\',
    '\0',
    '?',
    '#',
  ),
  fc.constantFrom(
    '*',
    '**',
    '**/',
    'a'.repeat(2_000),
    'ﬀ',
    '\u202e',
    '\u{1f600}',
    '\ufeff',
    '//',
    'http://x.test/',
    '2030-02-30T00:00:00Z',
  ),
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ maxLength: 20 }),
);

const leaves = fc.oneof(
  hostileTexts,
  fc.constantFrom<Json>(null, true, false, 0, 1, -1, -0, 1.5, 2 ** 53, 2 ** 53 - 1, -(2 ** 53), 1e300, [], {}),
  fc.integer(),
);

const edits = fc.record({
  /** Which of the places in the document. */
  at: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'delete', 'copy', 'rename', 'wrap', 'repeat'),
  leaf: leaves,
  /** Takes the place of a text, so that more than its type is looked at. */
  text: hostileTexts,
  /** Another place, for `copy`. */
  from: fc.nat(),
});
type Edit = typeof edits extends fc.Arbitrary<infer T> ? T : never;

/** A JSON document and a few things done to it: fields replaced, left out, copied to elsewhere, renamed, nested, repeated. */
export function mutated(documents: readonly Json[]): fc.Arbitrary<Json> {
  return fc.tuple(fc.constantFrom(...documents), fc.array(edits, { maxLength: 4 })).map(([document, list]) => {
    const root: Json[] = [structuredClone(document)];
    for (const edit of list) apply(root, edit);
    return root[0] ?? null;
  });
}

/** Where a value stands: in a list or object, under a key. */
interface Place {
  readonly parent: Json[] | { [key: string]: Json };
  readonly key: string;
}

function apply(root: Json[], { at, how, leaf, text, from }: Edit): void {
  const places: Place[] = [];
  collect(root, places);
  const { parent, key } = places[at % places.length] as Place;
  const here = valueAt({ parent, key });
  if (how === 'delete' && parent !== root) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  } else if (how === 'rename' && !Array.isArray(parent)) {
    delete parent[key];
    put(parent, text, here);
  } else if (how === 'copy') put(parent, key, structuredClone(valueAt(places[from % places.length] as Place)));
  else if (how === 'wrap') put(parent, key, from % 2 ? [here] : { [key]: here });
  else if (how === 'repeat') put(parent, key, repeated(here, 2 + (from % 60)));
  else put(parent, key, typeof here === 'string' && from % 4 > 0 ? text : structuredClone(leaf));
}

function repeated(value: Json, times: number): Json {
  if (typeof value === 'string') return value.repeat(times);
  return Array.from({ length: times }, () => structuredClone(value));
}

function collect(value: Json, places: Place[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    const place = { parent: value, key };
    places.push(place);
    collect(valueAt(place), places);
  }
}

function valueAt({ parent, key }: Place): Json {
  return (parent as { [key: string]: Json })[key] ?? null;
}

/** As an own property, `__proto__` too. */
function put(parent: Place['parent'], key: string, value: Json): void {
  Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
}

/** Bytes with a few of them flipped, replaced, left out, inserted or repeated, or the end cut off. */
export function damaged(bytes: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const damage = fc.record({
    at: fc.nat(),
    length: fc.nat(8),
    put: fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc
        .constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '\\ud83d', '\n', '-', '=', '0')
        .map((text) => new Uint8Array(Buffer.from(text))),
    ),
    how: fc.constantFrom('flip', 'flip', 'replace', 'insert', 'repeat', 'cut'),
  });
  return fc.tuple(bytes, fc.array(damage, { maxLength: 4 })).map(([start, list]) => {
    let now = Buffer.from(start);
    for (const { at, length, put, how } of list) {
      const where = at % (now.length + 1);
      const [before, after] = [now.subarray(0, where), now.subarray(where)];
      if (how === 'flip' && after.length > 0) {
        now = Buffer.from(now);
        now[where] = (now[where] ?? 0) ^ (1 << (length % 8));
      } else if (how === 'cut') now = Buffer.from(before);
      else if (how === 'repeat') now = Buffer.concat([before, after.subarray(0, length), after]);
      else now = Buffer.concat([before, put, how === 'insert' ? after : after.subarray(length)]);
    }
    return new Uint8Array(now);
  });
}

/** A long text out of few fragments, which is what makes a slow parser slow. */
export function long(fragments: readonly string[], maxLength = 200_000): fc.Arbitrary<string> {
  const fragment = fc.constantFrom(...fragments);
  return fc
    .tuple(
      fc.array(fragment, { maxLength: 4 }),
      fc.array(fragment, { minLength: 1, maxLength: 3 }),
      fc.nat(maxLength),
      fc.array(fragment, { maxLength: 4 }),
    )
    .map(([start, middle, length, end]) => {
      const unit = middle.join('');
      return start.join('') + unit.repeat(Math.floor(length / Math.max(1, unit.length))) + end.join('');
    });
}
