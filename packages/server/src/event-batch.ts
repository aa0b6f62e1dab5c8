/**
 * Joins the text deltas of one turn of the event loop into one append. The first event of a turn goes into the log at once,
 * so a token that comes alone waits for nothing; those that follow it in the same turn wait for its end, before any I/O, and
 * leave with it in the same write of the connection. An append wakes readers and asks for room: in a rush that is most of
 * what a token costs. Everything but text goes at once, behind the text that waits.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import type { Failure } from '@chatkit/stream/engine';
import { endOfTurn } from '@chatkit/transport';
import { isTextDelta } from './text-delta.ts';

/** Few, because what waits is not counted by the log's backpressure. */
const maxEvents = 16;
const maxLength = 4 * 1024;

/** Takes the events of one append, at least one. Its promises do not reject. */
type Append = (events: readonly ThreadStreamEvent[]) => Promise<void> | undefined;

/**
 * What `append` throws is thrown by the call that led to the append, or by the next one where it was the end of the turn.
 */
export class EventBatch {
  private readonly append: Append;
  /** Text that came after the first event of this turn. */
  private waiting: ThreadStreamEvent[] = [];
  private length = 0;
  private turn: 'quiet' | 'begun' = 'quiet';
  /** What the append at the end of a turn threw. */
  private failure: Failure | undefined;

  constructor(append: Append) {
    this.append = append;
  }

  /** Takes an event. The promise is that of the append which it led to, if it led to one. */
  add(event: ThreadStreamEvent): Promise<void> | undefined {
    if (this.turn === 'begun' && isTextDelta(event) && event.update.delta.length < maxLength) {
      this.length += event.update.delta.length;
      const isFull = this.waiting.push(event) === maxEvents || this.length >= maxLength;
      return isFull ? this.flush() : undefined;
    }
    if (this.turn === 'quiet') {
      this.turn = 'begun';
      // Before the append, so that this end of the turn comes before that of the connection which the append wakes.
      endOfTurn(this.onTurnEnd);
    }
    const before = this.flush();
    return this.append([event]) ?? before;
  }

  /** Appends what waits. */
  flush(): Promise<void> | undefined {
    if (this.failure !== undefined) {
      const { error } = this.failure;
      this.failure = undefined;
      throw error;
    }
    if (this.waiting.length === 0) return undefined;
    const events = this.waiting;
    this.waiting = [];
    this.length = 0;
    return this.append(events);
  }

  private readonly onTurnEnd = (): void => {
    this.turn = 'quiet';
    try {
      // Whoever brings the next event is told if there is still no room.
      void this.flush();
    } catch (error) {
      this.failure = { error };
    }
  };
}
