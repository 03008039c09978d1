import fc from 'fast-check';
import type { ReleaseManifest } from '../../src/release/manifest.js';

const paths = fc.string({ unit: 'grapheme', maxLength: 12 });
const listOf = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
const mapOf = <T>(key: fc.Arbitrary<string>, item: fc.Arbitrary<T>) => listOf(fc.tuple(key, item)).map((list) => new Map(list));
// As the URL parser writes them.
const places = fc.oneof(
  fc.webUrl({ validSchemes: ['https'], withQueryParameters: true }).map((url) => new URL(url).href),
  fc.constantFrom('', 'a', 'a/b?c=d', '%C3%BC#x', 'http://localhost:3000/a'),
);
const headerValues = fc.string({ unit: fc.constantFrom('a', ' ', '\t', 'é', '"', '~'), maxLength: 8 });
const optionalPath = fc.option(paths, { nil: undefined });
/** Manifests with values of every kind in every field. */
export const manifests: fc.Arbitrary<ReleaseManifest> = fc
  .record({
    navigation: fc
      .record({
        index: paths,
        fallback: optionalPath,
        allow: listOf(paths),
        deny: listOf(paths),
        notFound: optionalPath,
        offline: optionalPath,
        cleanUrls: fc.boolean(),
        trailingSlash: fc.constantFrom(undefined, 'always' as const, 'never' as const),
        redirects: listOf(
          fc.record({
            from: paths,
            to: places,
            status: fc.constantFrom(301 as const, 302 as const, 303 as const, 307 as const, 308 as const),
          }),
        ),
      })
      .map(withoutUndefined),
    activation: fc.constantFrom('navigation' as const, 'prompt' as const, 'immediate' as const),
    lookSeconds: fc.maxSafeNat(),
    files: listOf(
      fc.record({
        path: paths,
        keep: fc.constantFrom('precache' as const, 'on-demand' as const, 'network-only' as const),
        optional: fc.boolean(),
      }),
    ),
    chunks: mapOf(
      paths,
      fc.record({
        size: fc.integer({ min: 14, max: 23 }).map((bits) => 2 ** bits),
        sha256: listOf(fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })),
      }),
    ),
    codeCache: listOf(paths).map((list) => new Set(list)),
    external: mapOf(
      fc.webUrl({ validSchemes: ['https'], withQueryParameters: true }).map((url) => new URL(url).href),
      paths,
    ),
    reporting: fc.option(fc.record({ url: places, samplePercent: fc.integer({ min: 0, max: 100 }) }), { nil: undefined }),
    enforce: listOf(paths),
    tombstone: fc.boolean(),
    contentTypes: mapOf(paths, headerValues),
    headers: listOf(
      fc.record({
        path: paths,
        set: mapOf(fc.constantFrom('x-a', 'etag', '__proto__'), headerValues).map((set) => Object.fromEntries(set)),
      }),
    ),
    offlineSeconds: fc.maxSafeNat(),
  })
  .map(withoutUndefined);

function withoutUndefined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
}

/** A manifest as it is written, with every field. */
export function wire(manifest: ReleaseManifest): object {
  const { navigation, reporting } = manifest;
  return {
    vouchsafe: 1,
    navigation: {
      index: navigation.index,
      fallback: navigation.fallback,
      allow: navigation.allow,
      deny: navigation.deny,
      not_found: navigation.notFound,
      offline: navigation.offline,
      clean_urls: navigation.cleanUrls,
      trailing_slash: navigation.trailingSlash,
      redirects: navigation.redirects,
    },
    activation: manifest.activation,
    look_seconds: manifest.lookSeconds,
    files: manifest.files,
    chunks: Object.fromEntries(manifest.chunks),
    code_cache: [...manifest.codeCache],
    external: Object.fromEntries(manifest.external),
    ...(reporting && { reporting: { url: reporting.url, sample_percent: reporting.samplePercent } }),
    enforce: manifest.enforce,
    tombstone: manifest.tombstone,
    content_types: Object.fromEntries(manifest.contentTypes),
    headers: manifest.headers,
    offline_seconds: manifest.offlineSeconds,
  };
}
