import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalize, encodeJson, type JsonValue, parseJson } from '../../src/tuf/json.js';
import { utf8 } from '../repository-simulator.js';

// The same cases in every run; `npm run fuzz` looks for new ones.
fc.configureGlobal({ seed: 20_261_122 });

const malformed = expect.objectContaining({ name: 'VouchsafeError', code: 'malformed' });

/** Texts of every plane, and the names and escapes that programs stumble over. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    '',
    '0',
    '10',
    '9',
    '"',
    '\\',
    '\\"',
    '\uffff',
    '\ue000',
    '\u{10000}',
    '\u{1f600}a',
  ),
);

/** An object with its keys in the order given. Like parsed ones it has no prototype, so that `__proto__` is a key. */
function object(members: readonly (readonly [string, JsonValue])[]): JsonValue {
  const result: Record<string, JsonValue> = Object.create(null);
  for (const [key, value] of members) result[key] = value;
  return result;
}

/** Any value that canonical JSON can say. */
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constantFrom(null, true, false, 0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
    fc.maxSafeInteger().map((integer) => integer + 0),
    texts,
    fc.array(tie('value')),
    fc.uniqueArray(fc.tuple(texts, tie('value')), { selector: ([key]) => key }).map(object),
  ),
})).value;

/** Numbers to make choices with, as many as are asked for. */
const choices = fc.infiniteStream(fc.nat(999)).map((stream) => () => stream.next().value);

/** A value as nested lists: objects are told from lists, and neither prototypes nor the order of keys play a part. */
function form(value: JsonValue): unknown {
  if (Array.isArray(value)) return ['list', ...value.map(form)];
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value).sort();
  return ['object', ...keys.map((key) => [key, form(value[key] as JsonValue)])];
}

/** Canonical JSON said another way: `JSON.stringify` with three replacements, and keys in the order of their UTF-8 bytes. */
function reference(value: JsonValue): string {
  if (typeof value === 'string')
    return `"${[...value].map((character) => (/["\\]/.test(character) ? '\\' : '') + character).join('')}"`;
  if (Array.isArray(value)) return `[${value.map(reference).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const keys = Object.keys(value).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return `{${keys.map((key) => `${reference(key)}:${reference(value[key] as JsonValue)}`).join(',')}}`;
}

/** One of the many documents that say a value: any white space, any order of keys, any character escaped. */
function write(value: JsonValue, choose: () => number): string {
  const space = () => ['', '', '', ' ', '\n', '\t\r '][choose() % 6];
  const list = (items: readonly string[]) => items.map((item) => space() + item + space()).join(',') || space();
  if (typeof value === 'string') return writeText(value, choose);
  if (Array.isArray(value)) return `[${list(value.map((item) => write(item, choose)))}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = Object.keys(value).map((key) => ({ key, order: choose() }));
  members.sort((a, b) => a.order - b.order);
  const written = members.map(
    ({ key }) => `${writeText(key, choose)}${space()}:${space()}${write(value[key] as JsonValue, choose)}`,
  );
  return `{${list(written)}}`;
}

function writeText(value: string, choose: () => number): string {
  const escaped = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const characters = [...value].map((character) => {
    if (choose() % 8 === 0) return character.split('').map(escaped).join('');
    return character === '/' && choose() % 2 === 0 ? '\\/' : JSON.stringify(character).slice(1, -1);
  });
  return `"${characters.join('')}"`;
}

/** Where a value can stand in a document, as the text before it and the text after. */
const places = fc
  .array(
    fc.constantFrom(
      ['[', ']'],
      ['{"a":', '}'],
      ['[1,', ' ,{}]'],
      ['{"z":[""],"__proto__" : ', ',"":null}'],
      [' \n', '\t'],
      ['["]",', ',[]]'],
    ),
    { maxLength: 8 },
  )
  .map((around) => ({
    before: around.map(([open]) => open).join(''),
    after: around
      .map(([, close]) => close)
      .reverse()
      .join(''),
  }));

describe('properties of JSON', () => {
  test('parse(encode(x)) = x', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(form(parseJson(encodeJson(value)))).toEqual(form(value));
      }),
      { numRuns: 500 },
    );
  });

  test('however a document says x, it is read as x, and JSON.parse agrees', () => {
    fc.assert(
      fc.property(values, choices, (value, choose) => {
        const document = write(value, choose);
        expect(form(parseJson(utf8(document)))).toEqual(form(value));
        expect(form(JSON.parse(document))).toEqual(form(value));
      }),
      { numRuns: 500 },
    );
  });

  test('the canonical form is the reference’s, whatever the order of keys', () => {
    fc.assert(
      fc.property(values, choices, (value, choose) => {
        expect(Buffer.from(canonicalize(value)).toString()).toBe(reference(value));
        expect(canonicalize(JSON.parse(write(value, choose)))).toEqual(canonicalize(value));
      }),
      { numRuns: 500 },
    );
  });

  // The canonical form leaves control characters as they are, where JSON wants an escape: then it is no document, and must be refused.
  test('canonicalize(parse(canonicalize(x))) = canonicalize(x), unless a text has a control character', () => {
    const counts = { document: 0, none: 0 };
    fc.assert(
      fc.property(values, (value) => {
        const canonical = canonicalize(value);
        if (canonical.some((byte) => byte < 0x20)) {
          counts.none++;
          expect(() => parseJson(canonical)).toThrow(malformed);
        } else {
          counts.document++;
          expect(canonicalize(parseJson(canonical))).toEqual(canonical);
        }
      }),
      { numRuns: 500 },
    );
    expect(Math.min(counts.document, counts.none)).toBeGreaterThan(10);
  });

  test('a damaged document is refused, or read as JSON.parse reads it', () => {
    const counts = { refused: 0, accepted: 0 };
    const junk = fc.constantFrom(
      '"',
      '\\',
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '-',
      '0',
      '1',
      'e',
      '.',
      'u',
      ' ',
      '\u0000',
      '\ufeff',
      '\ud83d',
    );
    fc.assert(
      fc.property(values, choices, fc.nat(), fc.nat(3), junk, (value, choose, where, length, put) => {
        const document = write(value, choose);
        const at = where % (document.length + 1);
        const damaged = document.slice(0, at) + put + document.slice(at + length);
        let read: JsonValue;
        try {
          read = parseJson(utf8(damaged));
        } catch (error) {
          counts.refused++;
          expect(error).toEqual(malformed);
          return;
        }
        counts.accepted++;
        // As UTF-8 has it: `utf8` has put U+FFFD for half a pair.
        expect(form(read)).toEqual(form(JSON.parse(Buffer.from(damaged).toString())));
      }),
      { numRuns: 2_000 },
    );
    expect(Math.min(counts.refused, counts.accepted)).toBeGreaterThan(50);
  });

  test('what canonical JSON cannot say, or says twice, is refused wherever it stands', () => {
    const digits = fc.maxSafeInteger().map(String);
    const impossible = fc.oneof(
      fc.tuple(digits, fc.constantFrom('.0', '.5', 'e0', 'E+1', 'e-3', '.1e9')).map((parts) => parts.join('')),
      fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }).map(String),
      fc.bigInt({ min: -(2n ** 80n), max: -(2n ** 53n) }).map(String),
      fc.constantFrom('-0', 'NaN', 'Infinity', '01', '+1', 'undefined'),
      // Half a pair: escaped, it reaches the parser as it is.
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => `"a\\u${unit.toString(16)}b"`),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => `{"\\u${unit.toString(16)}":1}`),
      fc.integer({ min: 0, max: 0x1f }).map((unit) => `"${String.fromCharCode(unit)}"`),
      fc
        .tuple(texts, texts, choices)
        .map(([key, other, choose]) => `{${[key, `${other}.`, key].map((name) => `${writeText(name, choose)}:0`).join()}}`),
    );
    fc.assert(
      fc.property(places, impossible, ({ before, after }, value) => {
        expect(parseJson(utf8(`${before}0${after}`))).toBeDefined();
        expect(() => parseJson(utf8(before + value + after))).toThrow(malformed);
      }),
      { numRuns: 2_000 },
    );
  });

  test('bytes that are not UTF-8 are refused wherever they stand', () => {
    const wrong = fc.constantFrom(
      [0x80],
      [0xff],
      [0xc0, 0xaf],
      [0xe0, 0x80, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xed, 0xbf, 0xbf],
      [0xf4, 0x90, 0x80, 0x80],
      [0xc3],
    );
    fc.assert(
      fc.property(places, wrong, ({ before, after }, bytes) => {
        const text = Uint8Array.of(...utf8(`${before}"`), ...bytes, ...utf8(`"${after}`));
        expect(() => parseJson(text)).toThrow(malformed);
      }),
    );
  });

  test('canonicalize refuses the values that it has no form for', () => {
    const impossible = fc.oneof(
      fc.double().filter((number) => !Number.isSafeInteger(number)),
      fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => `a${String.fromCharCode(unit)}b`),
    );
    fc.assert(
      fc.property(impossible, fc.constantFrom('plain', 'list', 'member', 'key'), (value, where) => {
        const around = { plain: value, list: [0, [value]], member: { a: { b: value } }, key: { [String(value)]: value } }[where];
        expect(() => canonicalize(around)).toThrow(malformed);
        expect(() => encodeJson(around)).toThrow(malformed);
      }),
    );
  });
});
