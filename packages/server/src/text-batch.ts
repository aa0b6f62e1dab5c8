/**
 * Joins the text deltas of one turn of the event loop into one row. The first delta of a turn is said at once, so a
 * token that comes alone waits for nothing; those of the same part that follow it in the same turn wait for its end,
 * before any I/O, and leave with it in the same write of the connection. What a token costs in a rush is then a
 * comparison and a place in an array: whose text it is, who may see it and where it is kept is asked once for all of
 * them.
 */
import type { TextDeltaEvent, ThreadStreamEvent } from '@chatkit/core';
import type { Failure } from '@chatkit/stream/engine';
import { atTurnEnd } from '@chatkit/transport';

/** Few, because what waits is not counted by the log's backpressure. */
const maxDeltas = 32;
const maxLength = 4 * 1024;

/** Says the deltas of one part, at least one. Its promises do not reject. */
type SayText = (itemId: string, part: number, deltas: readonly string[]) => Promise<void> | undefined;

/**
 * What `say` throws is thrown by the call that led to it, or by the next one where it was the end of the turn.
 */
export class TextBatch {
  private readonly say: SayText;
  private itemId: string | undefined;
  private part = 0;
  /** Text of that part that came after the first of this turn. */
  private waiting: string[] = [];
  private length = 0;
  private turn: 'quiet' | 'begun' = 'quiet';
  /** What the end of a turn threw. */
  private failure: Failure | undefined;

  constructor(say: SayText) {
    this.say = say;
  }

  /**
   * Whether an event adds to the part whose text has begun to come in this turn, so that nothing needs to be asked
   * about it.
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

  /** Takes the text of an event that continues. The promise is that of what was said because of it, if anything was. */
  add(delta: string): Promise<void> | undefined {
    this.length += delta.length;
    const isFull = this.waiting.push(delta) === maxDeltas || this.length >= maxLength;
    return isFull ? this.flush() : undefined;
  }

  /** Takes text of a part. */
  begin(itemId: string, part: number, delta: string): Promise<void> | undefined {
    const before = this.flush();
    this.itemId = itemId;
    this.part = part;
    if (this.turn === 'begun') return this.add(delta) ?? before;
    this.turn = 'begun';
    // Before it is said, so that this end of the turn comes before that of the connection which is woken by it.
    atTurnEnd(this.onTurnEnd);
    return this.say(itemId, part, [delta]);
  }

  /** Says what waits, because something else follows: nothing continues from here. */
  end(): Promise<void> | undefined {
    const said = this.flush();
    this.itemId = undefined;
    return said;
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
    return this.say(this.itemId as string, this.part, deltas);
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
