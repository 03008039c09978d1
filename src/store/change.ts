import type { SmallStores } from './schema.js';

/** One record as it shall be; without a value it shall be gone. */
export type Change = {
  [Name in keyof SmallStores]: readonly [name: Name, key: SmallStores[Name]['key'], value: SmallStores[Name]['value'] | undefined];
}[keyof SmallStores];

/** @returns the change, under what it is a change of */
export function byId(change: Change): [id: string, change: Change] {
  return [`${change[0]} ${change[1]}`, change];
}

/** A page script can store any shape. */
export function isWellFormed([name, key, value]: Change): boolean {
  const isBytes = (bytes: unknown) => bytes instanceof Uint8Array;
  if (typeof key !== (name === 'roots' ? 'number' : 'string') || !value) return false;
  switch (name) {
    case 'releases':
      return (
        typeof value.rootVersion === 'number' && [value.timestamp, value.snapshot, value.index ?? value.snapshot].every(isBytes)
      );
    case 'state':
      return typeof value === 'string';
    case 'pins':
      return typeof value.release === 'string' && typeof value.time === 'number';
    default:
      return isBytes(value);
  }
}
