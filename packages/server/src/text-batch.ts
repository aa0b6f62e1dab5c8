/**
 * Batches the text deltas of one turn of the event loop into one row. The first delta of a turn is sent at once, so a
 * token that comes alone waits for nothing. Deltas of the same part that follow in the same turn wait for the end of
 * that turn, which comes before any I/O, and leave in the same write of the connection as the first. In a rush a token
 * then costs only a comparison and a slot in an array: whose text it is, who may see it and where it goes is looked up
 * once for all of them.
 */
import type { TextDeltaEvent, ThreadStreamEvent } from '@chatkit/core';
import type { Failure } from '@chatkit/stream/engine';
import { atTurnEnd } from '@chatkit/transport';

/** Small limits, because waiting text is not counted by the log's backpressure. */
const maxDeltas = 32;
const maxLength = 4 * 1024;

/** Sends one or more deltas of one part. Its promises do not reject. */
type WriteText = (itemId: string, part: number, deltas: readonly string[]) => Promise<void> | undefined;

/**
 * An error of `write` is thrown by the call that caused it or, when it happened at the end of a turn, by the next call.
 */
export class TextBatch {
  private readonly write: WriteText;
  private itemId: string | undefined;
  private part = 0;
  /** Deltas of that part that came after the first of this turn. */
  private waiting: string[] = [];
  private length = 0;
  private turn: 'quiet' | 'begun' = 'quiet';
  /** What the end of a turn threw. */
  private failure: Failure | undefined;

  constructor(write: WriteText) {
    this.write = write;
  }

  /**
   * Whether an event appends to the part that this turn's batch is for, so that nothing about it needs to be looked up.
   */
  continues(event: ThreadStreamEvent): event is TextDeltaEvent {
    if (this.turn === 'quiet' || event?.type !== 'thread.item.updated' || event.item_id !== this.itemId) return false;
    const { update } = event;
    return (
      update?.type === 'assistant_message.content_part.text_delta' &&
      update.content_index === this.part &&
      typeof update.delta === 'string' &&
      update.delta.length < maxLength
    );
  }

  /**
   * Adds the delta of an event for which `continues` is true. Returns the backpressure of what was sent because of it,
   * if anything was.
   */
  add(delta: string): Promise<void> | undefined {
    this.length += delta.length;
    const isFull = this.waiting.push(delta) === maxDeltas || this.length >= maxLength;
    return isFull ? this.flush() : undefined;
  }

  /** Begins a batch with a delta of another part, after flushing the old one. */
  begin(itemId: string, part: number, delta: string): Promise<void> | undefined {
    const before = this.flush();
    this.itemId = itemId;
    this.part = part;
    if (this.turn === 'begun') return this.add(delta) ?? before;
    this.turn = 'begun';
    // Registered before sending: this callback must run before that of the connection, which sending wakes.
    atTurnEnd(this.onTurnEnd);
    return this.write(itemId, part, [delta]);
  }

  /** Sends what waits and ends the batch, because another event follows. */
  end(): Promise<void> | undefined {
    const room = this.flush();
    this.itemId = undefined;
    return room;
  }

  private flush(): Promise<void> | undefined {
    if (this.failure !== undefined) {
      const { error } = this.failure;
      this.failure = undefined;
      throw error;
    }
    if (this.waiting.length === 0) return undefined;
    const deltas = this.waiting;
    this.waiting = [];
    this.length = 0;
    return this.write(this.itemId as string, this.part, deltas);
  }

  private readonly onTurnEnd = (): void => {
    this.turn = 'quiet';
    try {
      // No need to await: the next event gets the backpressure if there is still no room.
      void this.flush();
    } catch (error) {
      this.failure = { error };
    }
  };
}
