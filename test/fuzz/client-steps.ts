import fc from 'fast-check';
import type { TopLevelRole } from '../../src/tuf/root.js';

/** The top-level roles and a delegated one. */
export type Role = TopLevelRole | 'docs';

/** Something that happens to a repository, to what its server says, to the clock, or to a client. Each lie is followed by a refresh. */
export type Step =
  | { readonly do: 'publish'; readonly isChanged: boolean }
  | { readonly do: 'rotate'; readonly roles: readonly TopLevelRole[]; readonly isPublished: boolean }
  /**
   * Who has stolen the timestamp and snapshot keys waits some days, and serves versions far ahead, of the timestamp alone or both, for what was
   * current once.
   */
  | { readonly do: 'steal'; readonly days: number; readonly moment: number; readonly isSnapshotForged: boolean }
  /** The server goes back to all files of an earlier moment. */
  | { readonly do: 'replay'; readonly moment: number }
  /**
   * After some releases the server answers for some roles with the documents of an earlier moment, whatever version it is asked for; perhaps it
   * repeats a root.
   */
  | {
      readonly do: 'mix';
      readonly releases: number;
      readonly moment: number;
      readonly roles: readonly Role[];
      readonly isRootRepeated: boolean;
    }
  | { readonly do: 'expire'; readonly days: number }
  | { readonly do: 'refresh' }
  /** A refresh whose process ends at the given write, or with the given request unanswered. */
  | { readonly do: 'kill'; readonly at: 'before write' | 'after write' | 'request'; readonly count: number }
  /** The publisher and the server do everything right again, and the client must be able to follow. */
  | { readonly do: 'heal'; readonly replaced: 'timestamp' | 'snapshot' };

const ROLES: readonly TopLevelRole[] = ['root', 'timestamp', 'snapshot', 'targets'];
/** All that the model knows. */
export const ALL_ROLES: readonly Role[] = [...ROLES, 'docs'];

// Counted back from now, and mostly not far.
const moment = fc.oneof(fc.nat(2), fc.nat(30));
const some = <T>(roles: readonly T[]) =>
  fc.oneof(
    fc.constantFrom(...roles).map((role) => [role]),
    fc.subarray([...roles]),
  );

/** Each kind of step. */
export const STEPS: readonly fc.Arbitrary<Step>[] = [
  fc.record({ do: fc.constant('publish'), isChanged: fc.boolean() }),
  fc.record({ do: fc.constant('rotate'), roles: some(ROLES), isPublished: fc.boolean() }),
  fc.record({ do: fc.constant('steal'), days: fc.constantFrom(0, 31), moment, isSnapshotForged: fc.boolean() }),
  fc.record({ do: fc.constant('replay'), moment }),
  fc.record({
    do: fc.constant('mix'),
    releases: fc.nat(2),
    moment: fc.oneof(fc.constant(1), moment),
    roles: some(ALL_ROLES),
    isRootRepeated: fc.boolean(),
  }),
  fc.record({ do: fc.constant('expire'), days: fc.constantFrom(1, 5, 5, 8, 31, 91, 366) }),
  fc.record({ do: fc.constant('refresh') }),
  fc.record({ do: fc.constant('kill'), at: fc.constantFrom('before write', 'after write', 'request'), count: fc.nat(6) }),
  fc.record({ do: fc.constant('heal'), replaced: fc.constantFrom('timestamp', 'snapshot') }),
];
