import { readFile } from 'node:fs/promises';
import type { FileRule, HeaderRule } from '../release/manifest.js';
import { PACKS_FOLDER } from '../release/packs.js';
import { type CspOptions, closedPolicy, isDocument, policies } from './csp.js';
import { checkExternal } from './external.js';
import { PublisherError } from './publisher-error.js';
import { chooseFallback, type ServingOptions } from './release-manifest.js';
import { isPage, type SourceFile } from './scan-folder.js';
import type { OwnFiles, SiteFile } from './site.js';
import { deliveryWarnings } from './warnings.js';

/** What browsers without the worker get at the app's URLs. */
export type Delivery =
  /** The loader page, and nothing of the app. */
  | 'strict'
  /** The app's files, as any static host has them: for sites that must also run where service workers do not. */
  | 'progressive';

/** How the app reaches browsers, and what its pages may do there. */
export interface DeliveryOptions {
  /** Makes a content security policy for every file: the strict one, or one that differs from it as said. */
  readonly csp?: boolean | CspOptions | undefined;
  /** `strict` by default. */
  readonly delivery?: Delivery | undefined;
  /** Whether the worker changes nothing and only reports what it would have refused. With progressive delivery only. */
  readonly reportOnly?: boolean | undefined;
  /** Patterns of target paths that are enforced although the worker only reports. */
  readonly enforce?: readonly string[] | undefined;
  /** Files of the folder by the absolute URL, on another origin, that they are served for. */
  readonly external?: { readonly [url: string]: string } | undefined;
  /** Whether this release stands the worker down in every browser that gets it. With progressive delivery only. */
  readonly tombstone?: boolean | undefined;
}

/** What policy and delivery put into the release manifest. */
export interface Rules {
  /** Header rules for the person's own to come after. */
  readonly policies: readonly HeaderRule[];
  /** Header rules that nothing of the person's may change. */
  readonly lastHeaders: readonly HeaderRule[];
  /** File rules that nothing of the person's may change. */
  readonly lastFiles: readonly FileRule[];
  /** Fields that are there when they say something. */
  readonly fields: {
    readonly external?: { readonly [url: string]: string };
    readonly enforce?: readonly string[];
    readonly tombstone?: true;
  };
}

/** How a release is delivered. */
export interface Delivered {
  readonly rules: Rules;
  /** Our own files among the targets. */
  readonly targets: readonly SiteFile[];
  /** Files to write outside the TUF repository, in order. */
  readonly site: readonly SiteFile[];
  /** Whether the app's files are written at their own URLs too. */
  readonly isPlain: boolean;
  /** One sentence each. */
  readonly warnings: readonly string[];
}

// A host answers with these of its own accord: at the site's address, and for what it does not have, as a deep link into a single-page app.
const ENTRIES = ['index.html', '404.html'];
const NOT_FOUND = '<!doctype html>\n<html lang="en">\n<title>Not found</title>\n<p>There is no such page.</p>\n';

/**
 * Decides what a release says about policies and delivery, and what lies in the output besides the TUF repository.
 *
 * @param files the app's files
 * @param otherEncoding target paths of those that are not UTF-8
 * @param own our own files
 * @param options what the person who publishes said
 * @returns the parts of the release
 * @throws `bad-option` for options that contradict each other or name what is not there, `bad-input` as `policies`
 */
export async function deliver(
  files: readonly SourceFile[],
  otherEncoding: readonly string[],
  own: OwnFiles,
  options: DeliveryOptions & Pick<ServingOptions, 'fallback' | 'headers' | 'reporting'>,
): Promise<Delivered> {
  const paths = files.map(({ path }) => path);
  const isPlain = checkDelivery(options);
  const external = checkExternal(options.external ?? {}, paths);
  const { rules, warnings } = await policiesOf(files, otherEncoding, external, options);
  const enforce = options.enforce ?? [];
  return {
    rules: {
      policies: rules,
      lastHeaders: [statusPageRule(own.statusPage)],
      lastFiles: ownFileRules(own),
      fields: {
        ...(external.size > 0 && { external: Object.fromEntries(external) }),
        ...(enforce.length > 0 && { enforce }),
        ...(options.tombstone === true && { tombstone: true }),
      },
    },
    targets: [...own.scripts, own.loaderPage, own.statusPage],
    site: [...own.scripts, own.loaderPage, ...(await pages(files, own, isPlain, options))],
    isPlain,
    warnings: [...warnings, ...deliveryWarnings(paths, options)],
  };
}

/**
 * What holds for our scripts and the loader page as targets: they are there to be compared with what the browser has, and no page asks the
 * worker for them. So they take no room, and none of them holds a release up. The status page is wanted most when the server is out of reach.
 *
 * @param own our own files
 * @returns file rules; each names one file
 */
function ownFileRules({ scripts, loaderPage, statusPage }: OwnFiles): FileRule[] {
  const compared = [...scripts, loaderPage].map(({ path }): FileRule => ({ path, keep: 'network-only', optional: true }));
  // The worker alone asks for packs, and stores what is in them. Named also where a release has none, so that they come and go without a new manifest.
  const packs: FileRule = { path: `${PACKS_FOLDER}*`, keep: 'network-only', optional: true };
  return [...compared, packs, { path: statusPage.path, keep: 'precache', optional: true }];
}

/** @returns whether the app's files are written at their own URLs */
function checkDelivery({ delivery, reportOnly, tombstone }: DeliveryOptions): boolean {
  if (delivery !== undefined && delivery !== 'strict' && delivery !== 'progressive') {
    throw new PublisherError('bad-option', `The delivery ${JSON.stringify(delivery)} is neither strict nor progressive.`);
  }
  if (delivery === 'strict' && reportOnly === true) {
    throw new PublisherError(
      'bad-option',
      'A worker that only reports needs progressive delivery: with strict delivery there is no app at its URLs but the verified one.',
    );
  }
  if (delivery === 'strict' && tombstone === true) {
    throw new PublisherError(
      'bad-option',
      'Standing down needs progressive delivery: browsers get the app from its URLs afterwards.',
    );
  }
  return delivery === 'progressive' || reportOnly === true || tombstone === true;
}

async function policiesOf(
  files: readonly SourceFile[],
  otherEncoding: readonly string[],
  external: ReadonlyMap<string, string>,
  { csp = false, reporting }: DeliveryOptions & Pick<ServingOptions, 'reporting'>,
): Promise<ReturnType<typeof policies>> {
  if (csp === false) return { rules: [], warnings: [] };
  const texts = new Map<string, string | undefined>();
  for (const { path, file } of files) {
    // TextDecoder, not `toString`: a browser passes over the byte order mark as well.
    if (isDocument(path))
      texts.set(path, otherEncoding.includes(path) ? undefined : new TextDecoder().decode(await readFile(file)));
  }
  const sources = {
    paths: files.map(({ path }) => path),
    pages: texts,
    external,
    // Another one is a path of the site itself.
    reporting: URL.canParse(reporting?.url ?? '') ? reporting?.url : undefined,
  };
  return policies(sources, csp === true ? {} : csp);
}

/** The status page shows what the worker says, under any policy that the app may have: it gets its own, after all others. */
function statusPageRule({ path, bytes }: SiteFile): HeaderRule {
  const policy = closedPolicy(new TextDecoder().decode(bytes));
  return { path, set: { 'content-security-policy': policy } };
}

/** What lies at the URLs where somebody may enter the site. */
async function pages(
  files: readonly SourceFile[],
  { loaderPage, statusPage }: OwnFiles,
  isPlain: boolean,
  { fallback }: Pick<ServingOptions, 'fallback'>,
): Promise<SiteFile[]> {
  const paths = files.map(({ path }) => path);
  if (!isPlain) {
    const entries = new Set([...ENTRIES, statusPage.path, ...paths.filter(isPage)]);
    return [...entries].sort().map((path) => ({ path, bytes: loaderPage.bytes }));
  }
  // An earlier, strict release left the loader page there, which would call the worker back.
  const page = chooseFallback(paths, fallback);
  const file = files.find(({ path }) => path === page)?.file;
  const bytes = file === undefined ? Buffer.from(NOT_FOUND) : await readFile(file);
  return [statusPage, ...ENTRIES.filter((path) => !paths.includes(path)).map((path) => ({ path, bytes }))];
}
