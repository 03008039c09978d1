import assert from 'node:assert/strict';
import fc from 'fast-check';
import { canonicalize, encodeJson, type JsonValue, MAX_JSON_DEPTH, parseJson } from '../../src/tuf/json.js';
import { type AnyCampaign, campaign, unlessRefused } from './campaign.js';
import { damaged, type Json, long, mutated } from './mutations.js';

const FRAGMENTS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\"',
  '\\u0041',
  '\\ud800',
  ',',
  ':',
  '"a":',
  '{"a":',
  '[1,',
  '0',
  '9',
  '-',
  ' ',
  '\n',
  'é',
  'true',
  '1.5',
];

/** The parser and the encoder, against `JSON.parse` and `JSON.stringify`. */
export function jsonCampaigns(documents: readonly Json[]): AnyCampaign[] {
  const keys = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.constantFrom('\ue000', '\uffff', '\u{10000}', '\u{1f600}', '__proto__', 'a'),
  );
  const objects = fc.dictionary(keys, fc.integer()) as fc.Arbitrary<Json>;
  const values = fc.oneof(mutated(documents), objects, fc.jsonValue({ maxDepth: 8 }) as fc.Arbitrary<Json>);
  const written = fc
    .tuple(values, fc.constantFrom(undefined, 1, '\t\r'))
    .map(([value, space]) => Buffer.from(JSON.stringify(value, null, space)));
  const bytes = fc.oneof(
    { arbitrary: damaged(written), weight: 4 },
    { arbitrary: written, weight: 2 },
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.constantFrom(...FRAGMENTS), { maxLength: 30 }).map((parts) => Buffer.from(parts.join(''))),
    { arbitrary: long(FRAGMENTS).map((text) => Buffer.from(text)), weight: 1 },
  );
  return [
    campaign(
      'json',
      bytes.map((document) => new Uint8Array(document)),
      (document) => {
        const value = unlessRefused(() => parseJson(document));
        const reference = referenceOf(document);
        if (value === undefined) {
          assert.ok(reference === undefined || !isPlain(reference, Buffer.from(document).toString()), 'plain JSON is refused');
          return;
        }
        assert.deepEqual(formOf(value), formOf(reference as Json));
        assert.deepEqual(formOf(parseJson(encodeJson(value))), formOf(value));
      },
    ),
    campaign('canonical', values, (value) => {
      const canonical = unlessRefused(() => canonicalize(value));
      if (canonical) assert.equal(Buffer.from(canonical).toString(), canonicalOf(value));
      else assert.ok(!isExpressible(value), 'an expressible value is refused');
    }),
  ];
}

function referenceOf(document: Uint8Array): Json | undefined {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(document)) as Json;
  } catch {
    return undefined;
  }
}

/** Whether `JSON.stringify` writes exactly this text for a value that canonical JSON can say: then nothing about it is doubtful. */
function isPlain(value: Json, text: string): boolean {
  return isExpressible(value) && JSON.stringify(value) === text;
}

function isExpressible(value: Json, depth = 0): boolean {
  if (depth > MAX_JSON_DEPTH) return false;
  if (typeof value === 'number') return Number.isSafeInteger(value);
  if (typeof value === 'string') return Buffer.from(value).toString() === value;
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, item]) => isExpressible(key, depth) && isExpressible(item, depth + 1));
}

/** Objects as sorted lists of members, so that neither prototypes nor order play a part. */
function formOf(value: Json | JsonValue): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(formOf)];
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return ['object', ...keys.map((key) => [key, formOf(value[key] ?? null)])];
}

/** Canonical JSON in other words; UTF-8 sorts as code points do. */
function canonicalOf(value: Json): string {
  if (typeof value === 'string') return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonicalOf).join(',')}]`;
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => `${canonicalOf(key)}:${canonicalOf(value[key] ?? null)}`).join(',')}}`;
}
