/**
 * What a bounded queue does with an item that it has no room for.
 */

/**
 * - `'error'`: the stream fails with an `OverflowError`, after what is queued
 * - `'drop-oldest'`: the item that has waited longest is lost
 * - `'drop-newest'`: the new item is lost
 *
 * Losses are counted and reported; a stream never ends as if it were whole.
 */
export type Overflow = 'error' | 'drop-oldest' | 'drop-newest';

/** A bounded queue was full and its policy is `'error'`. */
export class OverflowError extends Error {
  override readonly name = 'OverflowError';
  readonly code = 'stream.overflow';
  /** How many items the queue holds. */
  declare readonly capacity: number;

  constructor(capacity: number) {
    super(`The reader fell ${capacity} items behind`);
    this.capacity = capacity;
  }
}
