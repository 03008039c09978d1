import { expect } from 'vitest';
import type { ErrorCode, ErrorFacts } from '../../src/tuf/errors.js';

/** Matches a `VouchsafeError` of this code whose facts hold at least these. */
export function refusal(code: ErrorCode, facts: ErrorFacts = {}): unknown {
  return expect.objectContaining({ name: 'VouchsafeError', code, facts: expect.objectContaining(facts) });
}
