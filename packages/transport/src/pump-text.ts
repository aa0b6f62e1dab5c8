/**
 * The loop that moves a body to a connection, the same for every runtime. It reads the body only as fast as the
 * connection accepts it, joins everything that becomes ready within one turn of the event loop into one write, writes
 * at once when nothing else is ready, and lets other connections have their turn.
 */
import type { Source } from '@chatkit/stream';
import { type Failure, type Sink, type Stage, stageOf } from '@chatkit/stream/engine';
import { atTurnEnd, nextTurn } from './event-loop-turn.ts';
import { inOwnContext } from './own-context.ts';

/** The connection, as seen by the pump. */
export interface TextSink {
  /**
   * Writes a batch. Returns `undefined` if more can be written at once, otherwise a promise for when it can. If that
   * promise rejects, the pump ends.
   */
  write(text: string): Promise<void> | undefined;
  /**
   * Called once, when nothing more comes: all of the body has been written, or the body or a write has failed, or the
   * connection is gone.
   */
  end(failure?: Failure): void;
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
 * Moves `body` to `sink` until the body ends or breaks. Text that has been read and not yet written never
 * exceeds 64 Ki characters plus one chunk of the body. Closing `body` stops the pump; if the sink is over, the rest is
 * not written.
 */
export const pumpText = (body: Source<string>, sink: TextSink): void => {
  let stage: Stage<string>;
  try {
    stage = stageOf(inOwnContext(body));
  } catch (error) {
    // Somebody else reads it.
    return sink.end({ error });
  }
  stage.pull(new Pump(stage, sink));
};

// A class, unlike most of this package, and a sink of the stream engine: a connection that waits for its next token is
// little more than this object. A promise of the end, an async function that waits for it and closures were 1.5 KB.
class Pump implements Sink<string> {
  private readonly stage: Stage<string>;
  private readonly sink: TextSink;
  private held = '';
  private isFlushDue = false;
  private full: Promise<void> | undefined;
  /** How much text may be held before the body must wait. */
  private room = batchLength;
  private failure: Failure | undefined;
  private allowance = firstAllowance;
  private spent = 0;

  constructor(stage: Stage<string>, sink: TextSink) {
    this.stage = stage;
    this.sink = sink;
  }

  item(text: string): void {
    if (this.take(text)) this.stage.pull(this);
    else this.goOnWithRoom(() => this.stage.pull(this));
  }

  items(chunk: string[], from = 0): void {
    let at = from;
    while (at < chunk.length) {
      if (!this.take(chunk[at++] as string)) return this.goOnWithRoom(() => this.items(chunk, at));
    }
    this.stage.pull(this);
  }

  end(failure?: Failure): void {
    const { sink } = this;
    this.drain().then(
      () => sink.end(sink.isOver ? undefined : (this.failure ?? failure)),
      (error) => sink.end({ error }),
    );
  }

  /** Whether the body may be asked for more at once. */
  private take(text: string): boolean {
    this.held += text;
    this.spent += text.length;
    if (!this.isFlushDue) this.flushSoon();
    return this.failure === undefined && this.spent < this.allowance && this.held.length < this.room;
  }

  private goOnWithRoom(goOn: () => void): void {
    this.waitForRoom().then(
      () => (this.failure === undefined ? goOn() : this.breakOff(this.failure)),
      (error) => this.breakOff({ error }),
    );
  }

  private breakOff(failure: Failure): void {
    const end = () => this.end(failure);
    Promise.resolve(this.stage.close()).then(end, end);
  }

  /** What came before the end, or before the error, goes out first. */
  private async drain(): Promise<void> {
    while (!this.sink.isOver && this.failure === undefined && (this.held !== '' || this.full !== undefined)) {
      this.flush();
      if (this.full !== undefined) await this.full;
    }
  }

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
