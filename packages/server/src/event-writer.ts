import type { ThreadStreamEvent } from '@chatkit/core';

/**
 * Where the events of a turn go: `RunWriter`, which appends them to the log. A returned promise is the backpressure: it
 * resolves when there is room for more, or when none is needed any more. It never rejects. The only error thrown is
 * `event.too_large`, and then nothing has been written.
 */
export interface EventWriter {
  write(event: ThreadStreamEvent): Promise<void> | undefined;
  /**
   * Writes one or more text deltas of one part. If one of several is too large, those before it may already have been
   * written.
   */
  writeText(itemId: string, part: number, deltas: readonly string[]): Promise<void> | undefined;
}
