/**
 * History, then what happens: without a gap, without a repeat.
 */

import { buffer } from './buffer.ts';
import { stageOf } from './engine/inlet.ts';
import { Outlet } from './engine/outlet.ts';
import { afterCleanup, allCleanups, type Cleanup, type Ending, SILENT, type Sink, Stage } from './engine/stage.ts';
import type { Source, Stream } from './stream.ts';

/** Options of `replayThenTail`. */
export interface ReplayThenTailOptions<T, P> {
  /** What has happened; it must reach at least to where `tail` begins. */
  replay: Source<T>;
  /** What happens from now on. Read from the first `next()` on, so that nothing is missed during the replay. */
  tail: Source<T>;
  /** The place of an item in the order that both share. */
  position: (item: T) => P;
  /** Whether `a` comes after `b`. Default: `a > b`, which is right for numbers. */
  isAfter?: (a: P, b: P) => boolean;
  /** How many items of the tail may wait for the replay to end; beyond it the stream fails. Default 1024. */
  capacity?: number;
}

/**
 * The replay to its end, then the tail from exactly there: items of the tail that the replay had already are dropped. If
 * the replay takes so long that more than `capacity` items of the tail pile up, the stream fails with an
 * `OverflowError` behind the last item without a gap; read on from there.
 *
 * @example
 * replayThenTail({ replay: log.read(after), tail: log.subscribe(), position: (entry) => entry.offset });
 */
export function replayThenTail<T, P>(options: ReplayThenTailOptions<T, P>): Stream<T> {
  return new Outlet(new ReplayThenTailStage(options));
}

class ReplayThenTailStage<T, P> extends Stage<T> {
  private readonly options: ReplayThenTailOptions<T, P>;
  private readonly replay: Stage<T>;
  private readonly tail: Stage<T>;
  private phase: 'new' | 'replay' | 'tail' = 'new';
  private last: { position: P } | undefined;
  private isTailAsked = false;
  // The tail's first answer, if it came during the replay.
  private early: T[] | undefined;
  private tailEnding: Ending | undefined;

  constructor(options: ReplayThenTailOptions<T, P>) {
    super();
    this.options = options;
    this.replay = stageOf(options.replay);
    this.tail = stageOf(buffer<T>({ capacity: options.capacity ?? 1024, overflow: 'error' })(options.tail));
  }

  pull(sink: Sink<T>): void {
    this.sink = sink;
    if (this.phase === 'new') {
      this.phase = 'replay';
      this.askTail();
    }
    if (this.phase === 'replay') this.replay.pull(this.ofReplay);
    else this.pullTail();
  }

  close(): Cleanup {
    this.sink = SILENT;
    return allCleanups([this.replay.close(), this.tail.close()]);
  }

  private readonly ofReplay: Sink<T> = {
    items: (chunk) => {
      try {
        this.last = { position: this.options.position(chunk[chunk.length - 1] as T) };
      } catch (error) {
        this.failWith(error);
        return;
      }
      this.answer(chunk);
    },
    done: () => {
      this.phase = 'tail';
      this.pullTail();
    },
    fail: (error) => this.failWith(error),
  };

  private readonly ofTail: Sink<T> = {
    items: (chunk) => {
      this.isTailAsked = false;
      if (this.phase === 'tail') this.deliver(chunk);
      else this.early = chunk;
    },
    done: () => this.endTail('done'),
    fail: (error) => this.endTail({ error }),
  };

  private askTail(): void {
    if (this.isTailAsked) return;
    this.isTailAsked = true;
    this.tail.pull(this.ofTail);
  }

  private pullTail(): void {
    if (this.early !== undefined) {
      const chunk = this.early;
      this.early = undefined;
      this.deliver(chunk);
    } else if (this.tailEnding !== undefined) this.answerEnding(this.tailEnding);
    else this.askTail();
  }

  /** Hands out what the replay did not have. Recursive while there is nothing, once per chunk of the overlap. */
  private deliver(chunk: T[]): void {
    let fresh: T[];
    try {
      fresh = chunk.filter((item) => this.isNew(this.options.position(item)));
    } catch (error) {
      this.failWith(error);
      return;
    }
    if (fresh.length > 0) this.answer(fresh);
    else this.pullTail();
  }

  private isNew(position: P): boolean {
    const { isAfter = (a, b) => a > b } = this.options;
    const isNew = this.last === undefined || isAfter(position, this.last.position);
    if (isNew) this.last = { position };
    return isNew;
  }

  private endTail(ending: Ending): void {
    this.tailEnding = ending;
    if (this.phase === 'tail') this.answerEnding(ending);
  }

  private failWith(error: unknown): void {
    const { sink } = this;
    afterCleanup(this.close(), () => sink.fail(error));
  }
}
