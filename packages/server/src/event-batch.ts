/**
 * Joins the text deltas of one turn of the event loop into one append. The first event of a turn goes into the log at once,
 * so a token that comes alone waits for nothing; those that follow it in the same turn wait for its end, before any I/O, and
 * leave with it in the same write of the connection. An append wakes readers and asks for room: in a rush that is most of
 * what a token costs. Everything but text goes at once, behind the text that waits.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { endOfTurn } from '@chatkit/transport';
import { isTextDelta } from './text-delta.ts';

export interface EventBatch {
  /** Takes an event. The promise is that of the append which it led to, if it led to one. */
  add(event: ThreadStreamEvent): Promise<void> | undefined;
  /** Appends what waits. */
  flush(): Promise<void> | undefined;
}

/** Few, because what waits is not counted by the log's backpressure. */
const maxEvents = 16;
const maxLength = 4 * 1024;

/**
 * @param append Takes the events of one append, at least one. Its promises do not reject. What it throws is thrown by the call
 *   that led to the append, or by the next one where it was the end of the turn.
 */
export const createEventBatch = (
  append: (events: readonly ThreadStreamEvent[]) => Promise<void> | undefined,
): EventBatch => {
  /** Text that came after the first event of this turn. */
  let waiting: ThreadStreamEvent[] = [];
  let length = 0;
  let turn: 'quiet' | 'begun' = 'quiet';
  /** What the append at the end of a turn threw. A box, because it may be `undefined`. */
  let failure: { readonly error: unknown } | undefined;

  const flush = (): Promise<void> | undefined => {
    if (failure !== undefined) {
      const { error } = failure;
      failure = undefined;
      throw error;
    }
    if (waiting.length === 0) return undefined;
    const events = waiting;
    waiting = [];
    length = 0;
    return append(events);
  };
  const onTurnEnd = (): void => {
    turn = 'quiet';
    try {
      // Whoever brings the next event is told if there is still no room.
      void flush();
    } catch (error) {
      failure = { error };
    }
  };

  return {
    flush,
    add(event) {
      if (turn === 'begun' && isTextDelta(event) && event.update.delta.length < maxLength) {
        waiting.push(event);
        length += event.update.delta.length;
        return waiting.length < maxEvents && length < maxLength ? undefined : flush();
      }
      if (turn === 'quiet') {
        turn = 'begun';
        // Before the append, so that this end of the turn comes before that of the connection which the append wakes.
        endOfTurn(onTurnEnd);
      }
      const before = flush();
      return append([event]) ?? before;
    },
  };
};
