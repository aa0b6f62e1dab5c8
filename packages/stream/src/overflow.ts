/**
 * What a bounded queue does when it is full: the policies, and the error of one of them.
 */

/**
 * - `'error'`: the stream fails with an `OverflowError`, after the queued items
 * - `'drop-oldest'`: the item that has waited longest is lost
 * - `'drop-newest'`: the new item is lost
 *
 * Losses are counted and reported, so an incomplete stream never looks complete.
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
