/**
 * `merge`: reads several sources at once.
 */

import { Fifo } from './engine/fifo.ts';
import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import {
  afterCleanup,
  allCleanups,
  type Cleanup,
  type Ending,
  type Failure,
  SILENT,
  type Sink,
  type Stage,
} from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The items of all sources in the order in which they become ready. Fair: a source that is always ready is read again
 * only after every other ready one has had its turn. Ends when all have ended. An error in one source closes the others
 * at once and is delivered after the items that were ready before it. Each source is read at most one item (or chunk)
 * ahead, and none before the first `next()`.
 *
 * @example
 * for await (const event of merge(agent, progress, pipe(tools, map(toEvent)))) send(event);
 */
export function merge<T>(...sources: Source<T>[]): Stream<T>;
export function merge<T extends unknown[]>(...sources: { [Nth in keyof T]: Source<T[Nth]> }): Stream<T[number]>;
export function merge<T>(...sources: Source<T>[]): Stream<T> {
  return outlet(new Merge(sources.map(stageOf<T>)));
}

class Merge<T> implements Stage<T> {
  declare private readonly _lanes: readonly Lane<T>[];
  private readonly _idle = new Fifo<Lane<T>>(); // to be pulled at the reader's next pull
  private readonly _ready = new Fifo<Lane<T>>(); // lanes that hold an answer, in order of arrival
  private _sink: Sink<T> = SILENT; // the open pull's
  declare private _open: number; // how many lanes may still be pulled; 0 once one has failed
  private _ending: Ending | undefined;
  private _isServing = false;

  constructor(stages: readonly Stage<T>[]) {
    this._lanes = stages.map((stage) => new Lane(stage, this));
    for (const lane of this._lanes) this._idle.push(lane);
    this._open = stages.length;
    if (this._open === 0) this._end();
  }

  pull(to: Sink<T>): void {
    this._sink = to;
    this._serve();
  }

  close(): Cleanup {
    this._open = 0;
    this._ending = {};
    this._ready.clear();
    const cleanup = this._closeAll();
    this._letGo().end();
    return cleanup;
  }

  /**
   * A lane has an answer. Returns the reader's sink if the reader waits and no other lane is before this one; otherwise
   * the lane must hold its answer.
   */
  next(lane: Lane<T>): Sink<T> | undefined {
    if (this._sink === SILENT || this._ready.length > 0) return void this._ready.push(lane);
    this._idle.push(lane);
    return this._letGo();
  }

  _laneEnded(failure?: Failure): void {
    if (this._open === 0) return;
    this._open = failure ? 0 : this._open - 1;
    if (failure) afterCleanup(this._closeAll(), () => this._end(failure));
    else if (this._open === 0) this._end();
  }

  private _letGo(): Sink<T> {
    const to = this._sink;
    this._sink = SILENT;
    return to;
  }

  private _end(failure?: Failure): void {
    this._ending ??= { failure };
    if (this._ready.length === 0) this._letGo().end(this._ending.failure);
  }

  private _closeAll(): Cleanup {
    return allCleanups(this._lanes.map((lane) => lane._upstream.close()));
  }

  /** Pulls the lanes whose last answer has been read, and answers the reader, for as long as anything is ready. */
  private _serve(): void {
    if (this._isServing) return;
    this._isServing = true;
    do {
      for (let count = this._open && this._idle.length; count > 0; count--) {
        const lane = this._idle.shift();
        lane._upstream.pull(lane);
      }
      if (this._ready.length > 0) {
        const lane = this._ready.shift();
        this._idle.push(lane);
        lane._deliver(this._letGo());
      } else if (this._ending) this._letGo().end(this._ending.failure);
    } while (
      this._sink !== SILENT &&
      (this._ready.length > 0 || this._ending || (this._open > 0 && this._idle.length > 0))
    );
    this._isServing = false;
  }
}

/** One source, with at most one open pull and at most one answer waiting for its turn. */
class Lane<T> implements Sink<T> {
  declare readonly _upstream: Stage<T>;
  declare private readonly _merge: Merge<T>;
  private _value: T | undefined;
  private _chunk: T[] | undefined;

  constructor(stage: Stage<T>, merge: Merge<T>) {
    this._upstream = stage;
    this._merge = merge;
  }

  item(value: T): void {
    const to = this._merge.next(this);
    if (to) to.item(value);
    else this._value = value;
  }

  items(chunk: T[]): void {
    const to = this._merge.next(this);
    if (to) to.items(chunk);
    else this._chunk = chunk;
  }

  end(failure?: Failure): void {
    this._merge._laneEnded(failure);
  }

  /** Hands over the answer that was held. */
  _deliver(to: Sink<T>): void {
    const chunk = this._chunk;
    const value = this._value as T;
    this._chunk = this._value = undefined;
    if (chunk) to.items(chunk);
    else to.item(value);
  }
}
