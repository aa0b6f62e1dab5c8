/**
 * What a reader of a broadcast is told that was too slow.
 */

/** A reader of a broadcast was too slow, or asked for items that are gone. */
export class LaggedError extends Error {
  override readonly name = 'LaggedError';
  readonly code = 'stream.lagged';
  /** How many items the reader has missed. */
  declare readonly missed: number;

  constructor(missed: number) {
    super(`The reader missed ${missed} items`);
    this.missed = missed;
  }
}
