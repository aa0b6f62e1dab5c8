/**
 * The loop that moves a body to a connection, the same for every runtime. It reads the body only as fast as the
 * connection accepts it, joins everything that becomes ready within one turn of the event loop into one write, writes
 * at once when nothing else is ready, and lets other connections have their turn.
 */
import { forEach, type Source } from '@chatkit/stream';
import { atTurnEnd, nextTurn } from './event-loop-turn.ts';
import { inOwnContext } from './own-context.ts';

/** The connection, as seen by the pump. */
export interface TextSink {
  /**
   * Writes a batch. Returns `undefined` if more can be written at once, otherwise a promise for when it can. If that
   * promise rejects, the pump ends.
   */
  write(text: string): Promise<void> | undefined;
  /** Whether the connection is gone. */
  readonly isOver: boolean;
}

/** The length at which a joined write is closed, in characters; the frame that crosses it still goes along whole. */
const batchLength = 32 * 1024;

/**
 * The most text, plus one frame, that is in memory while a write is pending: that write, and the text held behind it.
 */
const mostLength = 64 * 1024;

/**
 * Characters that one connection may send before the others get a turn: few at first, so that hundreds of busy
 * connections all see their first byte soon, then doubling up to the full allowance, over which the cost of a turn is
 * spread thin.
 */
const firstAllowance = 4 * 1024;
const fullAllowance = 32 * 1024;

/**
 * Moves `body` to `sink` until the body ends. Text that has been read and not yet written never exceeds 64 Ki
 * characters plus one chunk of the body. Rejects with the body's error once everything before it is written, or with
 * the sink's error. Closing `body` stops the pump; if the sink is over, the promise then resolves without writing the
 * rest.
 */
export const pumpText = (body: Source<string>, sink: TextSink): Promise<void> => new Pump(sink).run(body);

// A class, unlike most of this package: a connection that waits for its next token is little more than this object, and
// closures over eight variables would add a kilobyte to each.
class Pump {
  private readonly sink: TextSink;
  private held = '';
  private isFlushDue = false;
  private full: Promise<void> | undefined;
  /** How much text may be held before the body must wait. */
  private room = batchLength;
  private failure: { error: unknown } | undefined;
  private allowance = firstAllowance;
  private spent = 0;

  constructor(sink: TextSink) {
    this.sink = sink;
  }

  async run(body: Source<string>): Promise<void> {
    const { sink } = this;
    let ending: { error: unknown } | undefined;
    try {
      await forEach<string>(this.take)(inOwnContext(body));
    } catch (error) {
      ending = { error };
    }
    // What came before the end, or before the error, goes out first.
    while (!sink.isOver && this.failure === undefined && (this.held !== '' || this.full !== undefined)) {
      this.flush();
      if (this.full !== undefined) await this.full;
    }
    ending = this.failure ?? ending;
    if (ending !== undefined && !sink.isOver) throw ending.error;
  }

  private readonly take = (text: string): Promise<void> | undefined => {
    if (this.failure !== undefined) throw this.failure.error;
    this.held += text;
    this.spent += text.length;
    if (!this.isFlushDue) this.flushSoon();
    return this.spent >= this.allowance || this.held.length >= this.room ? this.waitForRoom() : undefined;
  };

  private async waitForRoom(): Promise<void> {
    this.flush();
    if (this.spent >= this.allowance) {
      this.spent = 0;
      this.allowance = Math.min(2 * this.allowance, fullAllowance);
      await nextTurn();
    }
    while (this.held.length >= this.room && this.failure === undefined && !this.sink.isOver) {
      if (this.full === undefined) this.flush();
      else await this.full;
    }
  }

  private flushSoon(): void {
    if (this.isFlushDue) return;
    this.isFlushDue = true;
    atTurnEnd(this.atEndOfTurn);
  }

  private readonly atEndOfTurn = (): void => {
    // The turn could only end because the body ran dry, so what it sends next starts a new burst.
    this.spent = 0;
    this.flush();
  };

  private flush(): void {
    this.isFlushDue = false;
    if (this.held === '' || this.full !== undefined || this.failure !== undefined || this.sink.isOver) return;
    const text = this.held;
    this.held = '';
    this.full = this.sink.write(text)?.then(
      () => {
        this.full = undefined;
        this.room = batchLength;
        // Not at once: a consumer that reads in a microtask would get the frames one by one.
        if (this.held !== '') this.flushSoon();
      },
      (error) => {
        this.failure = { error };
        this.full = undefined;
      },
    );
    if (this.full !== undefined) this.room = Math.min(batchLength, mostLength - text.length);
  }
}
