import type { Replies, Reply, Request, Status } from '../messages/messages.js';
import { VouchsafeError } from '../tuf/errors.js';
import type { AnswerParts } from './answerer.js';
import { offlineUntil } from './freshness.js';
import { toRefusal } from './refusal.js';
import { type Extend, summaryOf } from './updates.js';
import { verifyReleases } from './verify.js';
import { vet } from './vet.js';
import type { Announce } from './violation-log.js';

/** What replies are made from, besides what answers are. */
export interface ReplyParts extends AnswerParts {
  readonly registration: ServiceWorkerRegistration;
  readonly announce: Announce;
  /** Clears what is stored and unregisters. */
  readonly standDown: () => Promise<void>;
  /** Sends what was not reported yet to the signed endpoint, if there is one. Never rejects. */
  readonly report: () => Promise<void>;
  /** Absolute URL of the signed endpoint, if this browser reports. */
  readonly reportsTo: () => Promise<string | undefined>;
  /** What only the worker as a whole knows. */
  readonly life: () => Pick<Status, 'life' | 'filesVerified'> & { readonly kept: Status['storage']['kept'] };
}

/**
 * Does what a page asks for.
 *
 * @param request what
 * @param client the page's client id
 * @param parts what replies are made from
 * @param extend keeps the worker alive for what goes on in the background
 * @returns the reply. Never rejects: a refusal is a reply, too
 */
export async function replyTo(request: Request, client: string, parts: ReplyParts, extend: Extend): Promise<Reply> {
  try {
    return { ok: true, value: await valueFor(request, client, parts, extend) };
  } catch (error) {
    return { ok: false, refusal: toRefusal(error) };
  }
}

async function valueFor(request: Request, client: string, parts: ReplyParts, extend: Extend): Promise<Replies[keyof Replies]> {
  const { releases, updates, files, chunks, violations, announce } = parts;
  switch (request.vouchsafe) {
    case 'status':
      return statusFor(client, parts, extend);
    case 'update':
      return updates.updateFromNow();
    case 'look':
      await releases.open();
      await updates.look();
      return null;
    case 'activate':
      return { activated: await updates.activate() };
    case 'policy':
      await releases.open();
      await updates.setActivation(request.activation);
      return null;
    case 'verify':
      await releases.open();
      if (!releases.active) throw new VouchsafeError('not-found', 'No release is there yet.');
      return verifyReleases(
        (await releases.stored()).map(({ release }) => release),
        files,
        chunks,
        (progress) => void announce({ vouchsafe: 'verifying', progress }),
      );
    case 'vet':
      await releases.open();
      return vet(parts);
    case 'report': {
      // Only what pages are there to notice, and no fact by which violations are counted apart: a script of the page could say anything.
      const { code, message, facts } = request.refusal;
      if (!PAGES_REPORT.has(code)) throw new VouchsafeError('unsupported', 'A page does not report this.');
      const { path: _path, role: _role, ...noticed } = facts;
      await violations.record(new VouchsafeError(code, message, noticed), 'watch');
      return null;
    }
    default:
      throw new VouchsafeError('unsupported', 'Unknown request.');
  }
}

/** Not `verifier-replaced`, which locks every page: the worker finds that out itself, and a page that notices it locks itself alone. */
const PAGES_REPORT: ReadonlySet<string> = new Set(['foreign-registration', 'uncontrolled']);

/**
 * What the worker trusts right now.
 *
 * @param client id of the page that asks; empty for nobody
 * @param parts what replies are made from
 * @param extend keeps the worker alive for what goes on in the background
 */
export async function statusFor(client: string, parts: ReplyParts, extend: Extend): Promise<Status> {
  const { config, releases, updates, violations, life, reportsTo } = parts;
  await releases.open();
  // Whether expired metadata means stale or frozen, only the repository can say.
  if (updates.freshness() === 'stale' && !updates.failure) await updates.refresh(extend);
  const { active, staged } = releases;
  const { kept, ...known } = life();
  const pinned = releases.pins.of(client);
  const pinnedId = pinned && (await releases.get(pinned))?.id;
  const reporting = await reportsTo();
  const freshness = updates.freshness();
  return {
    ...known,
    ...(config.reportOnly && { reportOnly: true }),
    freshness,
    ...(active && (freshness === 'fresh' || freshness === 'stale') && { offlineUntil: offlineUntil(active) }),
    ...active?.trusted,
    ...(active && { active: summaryOf(active) }),
    ...(staged && { staged: summaryOf(staged) }),
    ...(pinnedId && { pinned: pinnedId }),
    releases: await releases.list(),
    keys: active?.keys ?? {},
    activation: releases.activation,
    ...(reporting && { reporting }),
    storage: { kept, ...(await estimate()) },
    clockBehind: Math.max(0, (active?.signedAt ?? 0) - Date.now()),
    violations: await violations.list(),
  };
}

async function estimate(): Promise<Pick<Status['storage'], 'usage' | 'quota' | 'persisted'>> {
  try {
    const [{ usage, quota }, persisted] = await Promise.all([navigator.storage.estimate(), navigator.storage.persisted()]);
    return { ...(usage !== undefined && { usage }), ...(quota !== undefined && { quota }), persisted };
  } catch {
    // Not every engine has it, or tells.
    return {};
  }
}
