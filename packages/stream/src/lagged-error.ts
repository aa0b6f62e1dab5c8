/**
 * The error of a `broadcast` reader that was too slow.
 */

/** A reader of a broadcast was too slow, or asked for items that are no longer kept. */
export class LaggedError extends Error {
  override readonly name = 'LaggedError';
  readonly code = 'stream.lagged';
  /** How many items the reader missed. */
  declare readonly missed: number;

  constructor(missed: number) {
    super(`The reader missed ${missed} items`);
    this.missed = missed;
  }
}
