/**
 * Several streams at once.
 */

import { Fifo } from './engine/fifo.ts';
import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import {
  afterCleanup,
  allCleanups,
  type Cleanup,
  type Failure,
  SILENT,
  type Sink,
  type Stage,
} from './engine/stage.ts';
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
  let sink: Sink<T> = SILENT; // the open pull's
  let open = sources.length;
  let ending: { failure: Failure | undefined } | undefined = open === 0 ? { failure: undefined } : undefined;
  let hasFailed = false;
  let isServing = false;
  const lanes = sources.map((source) => laneOf(stageOf(source)));
  const idle = new Fifo<Lane<T>>(); // to be asked with the next pull
  const ready = new Fifo<Lane<T>>(); // hold a chunk, in the order of its arrival
  for (const lane of lanes) idle.push(lane);

  const letGo = (): Sink<T> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  function laneOf(stage: Stage<T>): Lane<T> {
    /** Goes to the reader if it waits and nobody else comes first; else the lane holds it. */
    const isHeld = (): boolean => {
      const isNext = sink !== SILENT && ready.size === 0;
      (isNext ? idle : ready).push(lane);
      return !isNext;
    };
    const lane: Lane<T> = {
      stage,
      value: undefined,
      chunk: undefined,
      item(value) {
        if (isHeld()) lane.value = value;
        else letGo().item(value);
      },
      items(chunk) {
        if (isHeld()) lane.chunk = chunk;
        else letGo().items(chunk);
      },
      end(failure) {
        if (ending || hasFailed) return;
        open--;
        if (failure) {
          hasFailed = true;
          afterCleanup(closeAll(), () => end(failure));
        } else if (open === 0) end();
      },
    };
    return lane;
  }

  const end = (failure?: Failure): void => {
    ending ??= { failure };
    if (ready.size === 0) letGo().end(ending.failure);
  };

  const closeAll = (): Cleanup => allCleanups(lanes.map((lane) => lane.stage.close()));

  /** Asks those whose last answer has been read, and answers, for as long as there is something at hand. */
  const serve = (): void => {
    if (isServing) return;
    isServing = true;
    do {
      for (let count = hasFailed || ending ? 0 : idle.size; count > 0; count--) {
        const lane = idle.shift();
        lane.stage.pull(lane);
      }
      if (ready.size > 0) deliver(ready.shift());
      else if (ending) letGo().end(ending.failure);
    } while (sink !== SILENT && (ready.size > 0 || ending || (idle.size > 0 && !hasFailed)));
    isServing = false;
  };

  const deliver = (lane: Lane<T>): void => {
    const { chunk, value } = lane;
    lane.chunk = lane.value = undefined;
    idle.push(lane);
    if (chunk) letGo().items(chunk);
    else letGo().item(value as T);
  };

  return outlet({
    pull(to) {
      sink = to;
      serve();
    },
    close() {
      ending = { failure: undefined };
      ready.clear();
      const cleanup = closeAll();
      letGo().end();
      return cleanup;
    },
  });
}

/** One source, with at most one pull open, and at most one answer that waits for its turn. */
interface Lane<T> extends Sink<T> {
  readonly stage: Stage<T>;
  value: T | undefined;
  chunk: T[] | undefined;
}
