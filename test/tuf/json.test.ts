import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalize,
  encodeJson,
  type JsonValue,
  MAX_JSON_BYTES,
  MAX_JSON_CONTAINERS,
  MAX_JSON_DEPTH,
  parseJson,
} from '../../src/tuf/json.js';
import { MemoryStore, RepositorySimulator, utf8 } from '../repository-simulator.js';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const malformed = expect.objectContaining({ name: 'VouchsafeError', code: 'malformed' });

/** Every way to say something that another program could read differently, by name. */
const HOSTILE: readonly (readonly [string, Uint8Array | string])[] = [
  ['nothing', ''],
  ['white space', ' \n'],
  ['an open object', '{'],
  ['an open text', '"abc'],
  ['an open text that ends in an escaped quote', '"abc\\"'],
  ['a trailing comma', '{"a":1,}'],
  ['a trailing comma in a list', '[1,]'],
  ['a missing comma', '[1 2]'],
  ['a missing colon', '{"a" 1}'],
  ['a key that is not a text', '{1:1}'],
  ['single quotes', "{'a':1}"],
  ['a comment', '{}//'],
  ['trailing bytes', '{}{}'],
  ['a trailing NUL', '{}\0'],
  ['other white space', '{\u00a0}'],
  ['a byte order mark', new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])],
  ['UTF-16', new Uint8Array([0x7b, 0, 0x7d, 0])],
  ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ['overlong UTF-8', new Uint8Array([0x22, 0xc0, 0xaf, 0x22])],
  ['a surrogate in UTF-8', new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ['an escaped lone surrogate', '"\\ud800"'],
  ['an escaped lone low surrogate', '"\\udc00\\ud800"'],
  ['a lone surrogate as a key', '{"\\udfff":1}'],
  ['a line break in a text', '"a\nb"'],
  ['a NUL in a text', '"a\0b"'],
  ['an unknown escape', '"\\x41"'],
  ['half an escape', '"\\u12"'],
  ['a duplicate key', '{"a":1,"b":2,"a":1}'],
  ['a duplicate key, once escaped', '{"a":1,"\\u0061":1}'],
  ['a duplicate __proto__', '{"__proto__":1,"__proto__":1}'],
  ['a fraction', '1.5'],
  ['a fraction of nothing', '1.0'],
  ['an exponent', '1e3'],
  ['1e400', '1e400'],
  ['minus zero', '-0'],
  ['2^53', '9007199254740992'],
  ['-2^53', '-9007199254740992'],
  ['a million digits', '9'.repeat(1_000_000)],
  ['a leading zero', '01'],
  ['a plus', '+1'],
  ['hexadecimal', '0x10'],
  ['NaN', 'NaN'],
  ['Infinity', '-Infinity'],
  ['a capital word', 'True'],
  ['half a word', 'tru'],
  ['a word too long', 'nulls'],
  ['depth 10,000', '['.repeat(10_000)],
  ['depth 10,000, closed', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['50 MB', new Uint8Array(50_000_000).fill(0x20)],
  ['a megabyte of backslashes', `"${'\\'.repeat(1_000_001)}"`],
];

describe('B1: parseJson refuses', () => {
  for (const [name, input] of HOSTILE) {
    test(name, () => {
      const start = performance.now();
      expect(() => parseJson(typeof input === 'string' ? utf8(input) : input)).toThrow(malformed);
      expect(performance.now() - start).toBeLessThan(5_000);
    });
  }

  test('one level, one byte and one object beyond its limits, and takes the last that is inside', () => {
    const nested = (depth: number) => utf8(`${'['.repeat(depth)}1${']'.repeat(depth)}`);
    expect(parseJson(nested(MAX_JSON_DEPTH))).toBeDefined();
    expect(() => parseJson(nested(MAX_JSON_DEPTH + 1))).toThrow(malformed);
    const many = (count: number) => utf8(`[${'{},'.repeat(count - 2)}{}]`);
    expect(parseJson(many(MAX_JSON_CONTAINERS))).toHaveLength(MAX_JSON_CONTAINERS - 1);
    expect(() => parseJson(many(MAX_JSON_CONTAINERS + 1))).toThrow(malformed);
    const long = new Uint8Array(MAX_JSON_BYTES + 1).fill(0x20);
    long[0] = 0x31;
    expect(() => parseJson(long)).toThrow(malformed);
  });
});

describe('B1: nothing hostile is believed or stored', () => {
  for (const [name, input] of HOSTILE) {
    test(name, async () => {
      const repository = await RepositorySimulator.create();
      const bytes = typeof input === 'string' ? utf8(input) : input;
      const store = new MemoryStore();
      for (const file of ['2.root.json', 'timestamp.json']) {
        const before = repository.files.get(`/metadata/${file}`);
        repository.put(file, bytes);
        const limits = { rootLength: 60_000_000, timestampLength: 60_000_000 };
        await expect(repository.client(store, { limits }).refresh()).rejects.toThrow(malformed);
        if (before) repository.put(file, before);
        else repository.files.delete(`/metadata/${file}`);
      }
      expect(store.saved).toEqual([]);
      await repository.client(store).refresh();
    });
  }
});

describe('parseJson', () => {
  test('reads what JSON.parse reads', () => {
    const sample =
      ' {"a" : [ 1 , -2, 0, true, false , null, "", "\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00 é 😀" ], "b":{ } , "c":[ ]}\r\n\t';
    expect(parseJson(utf8(sample))).toEqual(JSON.parse(sample));
  });

  test('B1: __proto__ and constructor are names like any other', () => {
    const value = parseJson(utf8('{"__proto__":{"polluted":1},"constructor":2}')) as Record<string, JsonValue>;
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(value)).toBeNull();
    expect('polluted' in value).toBe(false);
    expect('toString' in value).toBe(false);
    expect(text(canonicalize(value))).toBe('{"__proto__":{"polluted":1},"constructor":2}');
  });

  test('takes the safe integers to their ends', () => {
    expect(parseJson(utf8('[9007199254740991,-9007199254740991]'))).toEqual([Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER]);
  });
});

describe('canonicalize', () => {
  test('sorts keys by code point, not by UTF-16 unit', () => {
    // U+FF5E comes before U+1F600, whose first UTF-16 unit is smaller.
    expect(text(canonicalize({ '\u{1f600}': 1, '\uff5e': 2, '': 3, a: 4, aa: 5, '10': 6, '9': 7, B: 8 }))).toBe(
      '{"":3,"10":6,"9":7,"B":8,"a":4,"aa":5,"\uff5e":2,"\u{1f600}":1}',
    );
  });

  test('sorts keys that are all plain, at every level', () => {
    expect(text(canonicalize({ b: { d: 1, c: [{ z: 1, y: 2 }] }, a: 2, Z: 3 }))).toBe(
      '{"Z":3,"a":2,"b":{"c":[{"y":2,"z":1}],"d":1}}',
    );
  });

  test('escapes only quotes and backslashes', () => {
    expect(text(canonicalize('"\\/\n\u0000é\u2028'))).toBe('"\\"\\\\/\n\u0000é\u2028"');
  });

  test('refuses what canonical JSON cannot say', () => {
    for (const value of [1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '\ud800', { '\udc00': 1 }]) {
      expect(() => canonicalize(value)).toThrow(malformed);
    }
  });
});

/** Any value that canonical JSON can say. */
const values = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((integer) => integer + 0),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
})).value;

describe('properties', () => {
  test('canonical JSON survives a round trip through a document', () => {
    fc.assert(
      fc.property(values, (value) => {
        const canonical = canonicalize(value);
        expect(canonicalize(parseJson(encodeJson(value)))).toEqual(canonical);
        expect(canonicalize(parseJson(utf8(JSON.stringify(value, null, 2))))).toEqual(canonical);
      }),
    );
  });

  test('two values are equal when their canonical forms are', () => {
    fc.assert(
      fc.property(values, values, (a, b) => {
        const isSame = text(canonicalize(a)) === text(canonicalize(b));
        expect(isSame).toBe(text(encodeJson(a)) === text(encodeJson(b)));
      }),
    );
  });

  test('a document is accepted only if JSON.parse accepts it, with the same value', () => {
    const documents = fc.oneof(
      fc.json(),
      fc.string(),
      fc.array(fc.constantFrom(...'{}[]":,\\u0e1-. \nat'), { maxLength: 12 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(documents, (document) => {
        let value: JsonValue;
        try {
          value = parseJson(utf8(document));
        } catch (error) {
          expect(error).toEqual(malformed);
          return;
        }
        expect(value).toEqual(JSON.parse(document));
      }),
      { numRuns: 2_000 },
    );
  });
});
