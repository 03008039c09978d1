import { describe, expect, test } from 'vitest';
import type { ErrorCode, ErrorFacts } from '../../src/tuf/errors.js';
import { VouchsafeError } from '../../src/tuf/errors.js';
import { refusalResponse, toRefusal } from '../../src/worker/refusal.js';
import { isConfirmed, resetPage } from '../../src/worker/reset-page.js';

const SCOPE = new URL('https://app.test/sub/');

/** A request as a worker sees it; Node lets nobody make a navigation. */
function request(changes: Partial<Record<'mode' | 'destination' | 'query', string>> & RequestInit = {}): Request {
  const { mode = 'navigate', destination = 'document', query = '', ...init } = changes;
  const made = new Request(new URL(`vouchsafe/reset${query}`, SCOPE), init);
  Object.defineProperties(made, { mode: { value: mode }, destination: { value: destination } });
  return made;
}

const refused = (code: ErrorCode, facts = {}, scope: URL | undefined = SCOPE) =>
  refusalResponse(request(), { code, message: 'The <b>reason</b>.', facts }, scope);
const textOf = async (response: Response) => (await response.text()).replace(/\s+/g, ' ');

describe('the refusal page', () => {
  test('is a real response for navigations and worker scripts, and nothing for all else', () => {
    const refusal = { code: 'mismatch', message: '', facts: {} } as const;
    for (const shown of [request(), request({ mode: 'same-origin', destination: 'sharedworker' })])
      expect(refusalResponse(shown, refusal, SCOPE).status).toBe(503);
    expect(refusalResponse(request({ mode: 'cors', destination: 'script' }), refusal, SCOPE).type).toBe('error');
  });

  test('runs nothing and loads nothing, whatever a server put into the facts', async () => {
    const page = refused('mismatch', { url: 'https://x.test/"><script>alert(1)</script>' });
    expect(page.headers.get('content-security-policy')).toBe("default-src 'none'; style-src 'unsafe-inline'");
    const text = await textOf(page);
    expect(text).not.toContain('<script');
    expect(text).not.toContain('<b>');
    expect(text).toContain('&#60;script');
  });

  test('leads to the page to reset the app', async () => {
    expect(await textOf(refused('mismatch'))).toContain('<a href="https://app.test/sub/vouchsafe/reset">reset this site</a>');
  });

  test('says what came, and what to do about it', async () => {
    expect(await textOf(refused('mismatch', { diagnosis: 'older release' }))).toContain('seems to be: older release.');
    expect(await textOf(refused('mismatch'))).not.toContain('seems to be');
    expect(await textOf(refused('mismatch', { diagnosis: 'login page' }))).toContain('wants you to sign in');
    const codes = ['clock', 'quota', 'verifier-replaced', 'uncontrolled', 'foreign-registration', 'mismatch'] as const;
    const advice = await Promise.all(codes.map(async (code) => /<p>([^<]*) Then <a/.exec(await textOf(refused(code)))?.[1]));
    expect(new Set(advice).size).toBe(codes.length);
    expect(advice).not.toContain(undefined);
    // A person who was offline for too long has a right clock, and nothing to wait for.
    expect(await textOf(refused('expired', { offlineUntil: '2030-01-01T00:00:00.000Z' }))).toContain('Connect to the internet');
    expect(await textOf(refused('expired'))).toContain('Check this device’s clock');
  });
});

describe('a refusal as data', () => {
  test('is cut to a bounded length', () => {
    const refusal = toRefusal(
      new VouchsafeError('mismatch', 'm'.repeat(5000), { url: 'u'.repeat(5000), status: 200, actual: 'short' }),
    );
    expect(refusal).toEqual({
      code: 'mismatch',
      message: 'm'.repeat(1000),
      facts: { url: 'u'.repeat(1000), status: 200, actual: 'short' },
    });
  });

  test('has no facts but texts and numbers, whatever a page reports', () => {
    const cyclic: Record<string, unknown> = { path: 'x', status: 1, big: 1n, list: [1], none: null, flag: true, made: new Date() };
    cyclic.self = cyclic;
    expect(toRefusal(new VouchsafeError('uncontrolled', '', cyclic as ErrorFacts)).facts).toEqual({ path: 'x', status: 1 });
  });
});

describe('the page to reset the app', () => {
  test('cannot be framed, read or scripted, and says what is lost', async () => {
    const page = resetPage(() => {});
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; sandbox allow-forms",
    );
    expect(page.headers.get('cache-control')).toBe('no-store');
    const text = await textOf(page);
    expect(text).toMatch(/<form><input type=hidden name=token value="[0-9a-f-]{36}"><button>/);
    expect(text).toContain('as much as a first visit');
    expect(text).toContain('refuses an older version');
  });

  test('only its own form, sent by a navigation, with its token, is a confirmation', async () => {
    const shown = async () => /value="(.*?)"/.exec(await resetPage(() => {}).text())?.[1] ?? '';
    const form = (token: string) => ({ query: `?token=${token}` });
    const token = await shown();
    expect(isConfirmed(request(form(token)))).toBe(true);
    // It is used up.
    expect(isConfirmed(request(form(token)))).toBe(false);
    expect(isConfirmed(request(form('undefined')))).toBe(false);
    // Another page has been shown since.
    const [before] = [await shown(), await shown()];
    expect(isConfirmed(request(form(before)))).toBe(false);
    const attempts: ((token: string) => Parameters<typeof request>[0])[] = [
      () => form('guess'),
      (right) => ({ ...form(right), mode: 'cors' }),
      (right) => ({ ...form(right), method: 'POST' }),
      (right) => ({ ...form(right), method: 'HEAD' }),
      (right) => ({ query: `?other=${right}` }),
      () => form(''),
      () => ({}),
    ];
    for (const attempt of attempts) expect(isConfirmed(request(attempt(await shown())))).toBe(false);
  });
});
