/**
 * Several streams at once.
 */

import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { Ring } from './engine/ring.ts';
import { afterCleanup, allCleanups, type Cleanup, type Ending, SILENT, type Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/**
 * The items of all sources in the order in which they become ready. Fair: a source that is always ready is read again
 * only after every other ready one had its turn. Ends when all have ended; an error of one closes the others and comes
 * at once. Reads each source one item (or chunk) ahead at most, and none before the first `next()`.
 *
 * @example
 * for await (const event of merge(agent, progress, pipe(tools, map(toEvent)))) send(event);
 */
export function merge<T>(...sources: Source<T>[]): Stream<T> {
  return new Outlet(new MergeStage(sources.map((source) => stageOf(source))));
}

class MergeStage<T> extends Stage<T> {
  private readonly lanes: Lane<T>[];
  private readonly idle: Ring<Lane<T>> = new Ring(); // to be asked with the next pull
  private readonly ready: Ring<Lane<T>> = new Ring(); // hold a chunk, in the order of its arrival
  private open: number;
  private hasFailed = false;
  private ending: Ending | undefined;

  constructor(stages: Stage<T>[]) {
    super();
    this.lanes = stages.map((stage) => new Lane(stage, this));
    for (const lane of this.lanes) this.idle.push(lane);
    this.open = stages.length;
  }

  pull(sink: Sink<T>): void {
    if (this.ready.size > 0) {
      this.askIdle(); // before the sink is set: a lane that answers at once has to queue behind the ready ones
      const lane = this.ready.shift();
      this.idle.push(lane);
      sink.items(lane.takeChunk());
      return;
    }
    this.sink = sink;
    if (this.open === 0) this.ending ??= 'done';
    if (this.ending !== undefined) this.answerEnding(this.ending);
    else this.askIdle();
  }

  close(): Cleanup {
    this.sink = SILENT;
    this.ending = 'done';
    this.ready.clear();
    return allCleanups(this.lanes.map((lane) => lane.stage.close()));
  }

  override endFromOutside(): Cleanup {
    return allCleanups(this.lanes.map((lane) => lane.stage.endFromOutside()));
  }

  /** A lane got a chunk. True if it went straight to the reader, false if the lane has to hold it. */
  arrived(lane: Lane<T>, chunk: T[]): boolean {
    if (!this.isWaited) {
      this.ready.push(lane);
      return false;
    }
    this.idle.push(lane);
    this.answer(chunk);
    return true;
  }

  ended(): void {
    this.open--;
    if (this.open === 0 && this.isWaited) this.answerEnding('done');
  }

  failed(error: unknown): void {
    if (this.hasFailed) return;
    this.hasFailed = true;
    afterCleanup(allCleanups(this.lanes.map((lane) => lane.stage.close())), () => {
      this.ending ??= { error };
      if (this.isWaited && this.ready.size === 0) this.answerEnding(this.ending);
    });
  }

  private askIdle(): void {
    if (this.hasFailed) return;
    for (let count = this.idle.size; count > 0; count--) this.idle.shift().ask();
  }
}

/** One source, with at most one pull open, and at most one chunk that waits for its turn. */
class Lane<T> implements Sink<T> {
  readonly stage: Stage<T>;
  private readonly merge: MergeStage<T>;
  private chunk: T[] = [];

  constructor(stage: Stage<T>, merge: MergeStage<T>) {
    this.stage = stage;
    this.merge = merge;
  }

  ask(): void {
    this.stage.pull(this);
  }

  takeChunk(): T[] {
    const { chunk } = this;
    this.chunk = [];
    return chunk;
  }

  items(chunk: T[]): void {
    if (!this.merge.arrived(this, chunk)) this.chunk = chunk;
  }

  done(): void {
    this.merge.ended();
  }

  fail(error: unknown): void {
    this.merge.failed(error);
  }
}
