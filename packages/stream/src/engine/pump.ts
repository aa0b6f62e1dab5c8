/**
 * The stage that most operators are made of. It reads one upstream, at its own pace: when the reader asks, ahead of it, or
 * past an answer that a timer has given in its place. What it hands out goes to the waiting reader in the same call,
 * else into a queue that the next pulls empty by the chunk.
 */

import { Fifo } from './fifo.ts';
import {
  afterCleanup,
  type Cleanup,
  type Failure,
  ignoreCleanup,
  MAX_CHUNK,
  SILENT,
  type Sink,
  type Stage,
} from './stage.ts';
import { mustRest } from './time-budget.ts';

/** What an operator adds to the pump. */
export interface PumpHooks<I, O> {
  /** The bound that the operator keeps, by `held`. Half of it may leave in one chunk, so that the rest can be refilled. */
  capacity?: number;
  /** Whether to read on now. Default: while the reader waits. */
  wantsMore?(): boolean;
  /** Takes an item of the upstream in. If it throws, the stream fails. Default: `takeAll`, else hands it out. */
  take?(item: I): void;
  /** Takes a chunk in. Default: `take` for each of its items, else hands it out. */
  takeAll?(chunk: I[]): void;
  /** Called with each pull before the end, before it is served. */
  onPull?: (() => void) | undefined;
  /** Called after each pull and each answer of the upstream: the place to hand out what has become due. */
  onTurn?(): void;
  /**
   * The upstream is over, and the stream is about to be: the place to hand out what is still held. If it returns `true`,
   * the operator calls `finish` itself, later.
   */
  onSourceOver?(failure?: Failure): unknown;
  /** Called on every ending, at least once: the place to give back timers and listeners. */
  onOver?(): void;
  /** What waits for the reader, where it is more than a queue of the pump's own. */
  queue?: Queue<O>;
}

/** Where a pump puts what the reader does not wait for. */
export type Queue<O> = Pick<Fifo<O>, 'length' | 'push' | 'take' | 'clear'>;

/** The stage of an operator, and what the operator may do with it. */
export interface Pump<O> extends Stage<O> {
  /** Ends the stream with nothing in front of the failure, if there is one. */
  close(failure?: Failure): Cleanup;
  /** Whether a pull is open and there is nothing at hand for it, also not the end. */
  isWaited(): boolean;
  /** How many items wait, those lent to the reader included. */
  held(): number;
  /** No more items are taken; the reader may still have some to read. */
  isEnded(): boolean;
  /** Hands the item out, or queues it. */
  offer(item: O): void;
  /** Gives the chunk away. */
  offerAll(chunk: O[]): void;
  /** Serves the reader and reads the upstream, as far as possible. Needed after changes from outside, as by a timer. */
  run(): void;
  /** Ends the stream behind what is queued. Only the first call counts. */
  finish(failure?: Failure): void;
  /** Ends the stream from this stage: closes the idle upstream, then, behind `last`, does as if it had ended by itself. */
  endEarly(failure?: Failure, last?: O[]): void;
  /** Ends the stream at once, behind what is queued. The cleanup is started and not waited for. */
  endNow(failure?: Failure): void;
}

/** The pump of an operator that adds `hooks`. */
export function pump<I, O>(upstream: Stage<I>, hooks: PumpHooks<I, O>): Pump<O> {
  return new PumpStage(upstream, hooks);
}

class PumpStage<I, O> implements Pump<O>, Sink<I> {
  declare private readonly _upstream: Stage<I>;
  declare private readonly _hooks: PumpHooks<I, O>;
  declare private readonly _queue: Queue<O>;
  declare private readonly _maxChunk: number;
  private _sink: Sink<O> = SILENT; // the open pull's
  private _ending: { failure?: Failure | undefined } | undefined;
  private _isOpen = false; // a pull on the upstream has not been answered
  private _isSourceOver = false;
  private _isServing = false;
  private _isTurnDue = false;
  // How many items of the last chunk the reader has not come to yet, as far as can be known: all but the first, until
  // it pulls again. They count as held, so that handing out chunks does not double the bound.
  private _lent = 0;

  constructor(upstream: Stage<I>, hooks: PumpHooks<I, O>) {
    const { capacity = Number.POSITIVE_INFINITY, queue = new Fifo<O>() } = hooks;
    this._upstream = upstream;
    this._hooks = hooks;
    this._queue = queue;
    this._maxChunk = Math.min(MAX_CHUNK, Math.ceil(capacity / 2) || 1);
  }

  pull(to: Sink<O>): void {
    this._sink = to;
    this._lent = 0;
    if (!this._ending) this._hooks.onPull?.();
    this.run();
  }

  close(failure?: Failure): Cleanup {
    this._ending = { failure };
    this._hooks.onOver?.();
    const cleanup = this._closeSource();
    this._queue.clear();
    this._letGo().end(failure);
    return cleanup;
  }

  item(item: I): void {
    this.items([item]);
  }

  items(chunk: I[]): void {
    const { take, takeAll } = this._hooks;
    if (this._ending) return;
    try {
      if (takeAll) takeAll(chunk);
      else if (take) {
        for (const item of chunk) if (!this._ending) take(item);
      } else this.offerAll(chunk as never);
    } catch (error) {
      this.endEarly({ error });
    }
    this._isOpen = false;
    this.run();
  }

  end(failure?: Failure): void {
    if (this._isSourceOver) return;
    this._isSourceOver = true;
    if (this._ending) return;
    try {
      if (this._hooks.onSourceOver?.(failure)) return;
    } catch (error) {
      failure = { error };
    }
    this.finish(failure);
  }

  isWaited(): boolean {
    return this._sink !== SILENT && !this._ending && this._queue.length === 0;
  }

  held(): number {
    return this._queue.length + this._lent;
  }

  isEnded(): boolean {
    return !!this._ending;
  }

  offer(item: O): void {
    if (this._ending) return;
    if (this.isWaited()) this._letGo().item(item);
    else this._queue.push(item);
  }

  offerAll(chunk: O[]): void {
    if (this._ending) return;
    if (this.isWaited() && chunk.length > 0 && chunk.length <= MAX_CHUNK) this._give(chunk);
    else for (const item of chunk) this._queue.push(item);
  }

  /** A loop, because the upstream may answer inside `pull`, and the reader pull inside the answer. */
  run(): void {
    this._isTurnDue = true;
    if (this._isServing) return;
    this._isServing = true;
    const { onTurn, wantsMore } = this._hooks;
    try {
      for (;;) {
        if (this._isTurnDue) {
          this._isTurnDue = false;
          onTurn?.();
        }
        if (this._sink !== SILENT && (this._ending || this._queue.length > 0)) {
          const count = Math.min(this._queue.length, this._maxChunk);
          if (mustRest(count, this._onRested)) return;
          this._isTurnDue = true;
          if (count > 0) this._give(this._queue.take(count));
          else this._letGo().end(this._ending?.failure);
        } else if (!this._isOpen && !this._isSourceOver && (wantsMore ? wantsMore() : this.isWaited())) {
          this._isOpen = true;
          this._upstream.pull(this);
        } else if (!this._isTurnDue) break;
      }
      this._isServing = false;
    } catch (error) {
      this._isServing = false;
      this._ending = undefined; // if there is one, it would have come later
      this.endEarly({ error });
    }
  }

  finish(failure?: Failure): void {
    if (this._ending) return;
    this._ending = { failure };
    this._hooks.onOver?.();
    this.run();
  }

  endEarly(failure?: Failure, last: O[] = []): void {
    afterCleanup(this._closeSource(), (ofCleanup) => {
      this.offerAll(last);
      this._isSourceOver = false;
      this.end(failure ?? ofCleanup);
    });
  }

  endNow(failure?: Failure): void {
    ignoreCleanup(this._closeSource());
    this.finish(failure);
  }

  /** The open pull's sink, which is let go, because it may pull again before the answer returns. */
  private _letGo(): Sink<O> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  private _give(chunk: O[]): void {
    this._lent = chunk.length - 1;
    this._letGo().items(chunk);
  }

  /** As if the reader had asked a turn later: what arrived until now has queued up behind what was there. */
  private readonly _onRested = (): void => {
    this._isServing = false;
    this.run();
  };

  private _closeSource(): Cleanup {
    this._isSourceOver = true;
    return this._upstream.close();
  }
}
