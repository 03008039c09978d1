import type { Refusal } from '../messages/messages.js';

/** A refusal by the worker, or the reason why there is no worker. `code` and `facts` are those of the refusal. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly code: Refusal['code'];
  readonly facts: Refusal['facts'];

  constructor({ code, message, facts }: Refusal) {
    super(message);
    this.code = code;
    this.facts = facts;
  }
}
