/**
 * The stage that most operators are built on. It reads one upstream at its own pace: when the reader asks, ahead of the
 * reader, or still after a timer has answered the reader instead. Items it hands out go straight to a waiting reader,
 * in the same call; otherwise into a queue that later pulls empty by the chunk.
 */

import { Fifo } from './fifo.ts';
import {
  afterCleanup,
  type Cleanup,
  type Ending,
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
  /**
   * The bound that the operator enforces, using `held`; at least 1. At most half of it leaves in one chunk, so that the
   * queue can refill meanwhile.
   */
  capacity?: number;
  /** Whether to read the upstream now. Default: while the reader waits. */
  wantsMore?(): boolean;
  /** Receives an item from the upstream. If it throws, the stream fails. Default: see `takeAll`. */
  take?(item: I): void;
  /** Receives a chunk. Default: calls `take` for each item, or without `take` hands the chunk out. */
  takeAll?(chunk: I[]): void;
  /** Called at each pull before it is served, until the stream ends. */
  onPull?: (() => void) | undefined;
  /** Called after each pull and after each upstream answer: the place to hand out what has become due. */
  onTurn?(): void;
  /**
   * The upstream has ended and the stream is about to: the place to hand out what is still held. If it returns `true`,
   * the operator will call `finish` itself, later.
   */
  onSourceOver?(failure?: Failure): unknown;
  /** Called at least once, however the stream ends: the place to clear timers and remove listeners. */
  onOver?(): void;
  /** Replaces the pump's own queue, for operators that need access to it. */
  queue?: Queue<O>;
}

/** Where a pump keeps items while no reader is waiting. */
export type Queue<O> = Pick<Fifo<O>, 'length' | 'push' | 'take' | 'clear'>;

/** The stage of an operator, and what the operator may do with it. */
export interface Pump<O> extends Stage<O> {
  /** As for every stage; with a `failure`, an open pull is answered with that. Queued items are dropped. */
  close(failure?: Failure): Cleanup;
  /** Whether a pull is open that neither a queued item nor the end can answer, and that may be answered at once. */
  isWaited(): boolean;
  /** How many items are held, including those lent to the reader. */
  held(): number;
  /** Whether the stream accepts no more items; queued ones may remain to be read. */
  isEnded(): boolean;
  /** Hands the item out, or queues it. */
  offer(item: O): void;
  /** Hands the chunk out, or queues its items. The array is given away. */
  offerAll(chunk: O[]): void;
  /**
   * Serves the reader and reads the upstream, as far as possible. To be called after a change from outside, such as a
   * timer.
   */
  run(): void;
  /** Ends the stream after the queued items. Only the first call counts. */
  finish(failure?: Failure): void;
  /**
   * Ends the stream from this stage: closes the upstream, which must be idle, waits for its cleanup, then hands out
   * `last` and proceeds as if the upstream had ended by itself.
   */
  endEarly(failure?: Failure, last?: O[]): void;
  /** Ends the stream after the queued items, at once: the upstream's cleanup is started but not awaited. */
  endNow(failure?: Failure): void;
}

/** How many pumps may be at work inside each other; each takes up to twenty calls on the stack. */
const DEEPEST = 100;

/**
 * How many pumps are at work inside each other now. A nest of thousands, which a fold or a recursive `flatMap` makes,
 * would overflow the stack; so past `DEEPEST` they queue what they are given and go on in a microtask.
 */
let depth = 0;

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
  private _ending: Ending | undefined;
  private _isOpen = false; // a pull on the upstream has not been answered
  private _isSourceOver = false;
  private _isServing = false;
  private _isTurnDue = false;
  // How many items of the last chunk the reader may not have reached yet: all but the first, until it pulls again. They
  // count as held, so that handing out chunks does not double the bound.
  private _lent = 0;

  constructor(upstream: Stage<I>, hooks: PumpHooks<I, O>) {
    const { capacity = Number.POSITIVE_INFINITY, queue = new Fifo<O>() } = hooks;
    this._upstream = upstream;
    this._hooks = hooks;
    this._queue = queue;
    this._maxChunk = Math.min(MAX_CHUNK, Math.ceil(capacity / 2));
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
    return depth <= DEEPEST && this._sink !== SILENT && !this._ending && this._queue.length === 0;
  }

  held(): number {
    return this._queue.length + this._lent;
  }

  isEnded(): boolean {
    return !!this._ending;
  }

  offer(item: O): void {
    if (this._ending) return;
    if (this.isWaited()) {
      depth++;
      this._letGo().item(item);
      depth--;
    } else {
      this._queue.push(item);
      if (depth > DEEPEST) this.run(); // whoever pushes relies on a waiting reader to be served
    }
  }

  offerAll(chunk: O[]): void {
    if (this._ending) return;
    if (this.isWaited() && chunk.length > 0 && chunk.length <= MAX_CHUNK) this._give(chunk);
    else for (const item of chunk) this._queue.push(item);
  }

  /** A loop, because the upstream may answer inside `pull`, and the reader may pull inside that answer. */
  run(): void {
    this._isTurnDue = true;
    if (this._isServing) return;
    this._isServing = true;
    if (depth >= DEEPEST) return queueMicrotask(this._onRested);
    depth++;
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
      this._ending = undefined;
      this.endEarly({ error });
    } finally {
      depth--;
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

  /** Takes the open pull's sink out before it is answered, because the sink may pull again inside the answer. */
  private _letGo(): Sink<O> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  private _give(chunk: O[]): void {
    this._lent = chunk.length - 1;
    depth++;
    this._letGo().items(chunk);
    depth--;
  }

  /** Goes on after yielding; whatever arrived meanwhile has been queued. */
  private readonly _onRested = (): void => {
    this._isServing = false;
    depth = 0; // nothing else is at work when a task begins
    this.run();
  };

  private _closeSource(): Cleanup {
    this._isSourceOver = true;
    if (depth > DEEPEST) return Promise.resolve().then(() => this._closeSource());
    depth++;
    const cleanup = this._upstream.close();
    depth--;
    return cleanup;
  }
}
