/**
 * History, then what happens: without a gap, without a repeat.
 */

import { buffer } from './buffer.ts';
import { stageOf } from './engine/inlet.ts';
import { outlet } from './engine/outlet.ts';
import { afterCleanup, allCleanups, type Cleanup, type Failure, SILENT, type Sink } from './engine/stage.ts';
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
  const { position, isAfter = (a, b) => a > b, capacity = 1024 } = options;
  const replay = stageOf(options.replay);
  const tail = stageOf(buffer<T>({ capacity, overflow: 'error' })(options.tail));
  let phase: 'new' | 'replay' | 'tail' | 'over' = 'new';
  let sink: Sink<T> = SILENT; // the open pull's
  let last: { position: P } | undefined;
  let isTailAsked = false;
  // The tail's first answer, if it came during the replay.
  let early: T[] | undefined;
  let tailEnding: { failure: Failure | undefined } | undefined;

  const letGo = (): Sink<T> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  const close = (): Cleanup => {
    phase = 'over';
    return allCleanups([replay.close(), tail.close()]);
  };

  const fail = (error: unknown): void => afterCleanup(close(), () => letGo().end({ error }));

  const askTail = (): void => {
    if (isTailAsked) return;
    isTailAsked = true;
    tail.pull(ofTail);
  };

  const pullTail = (): void => {
    const chunk = early;
    early = undefined;
    if (chunk) deliver(chunk);
    else if (tailEnding) letGo().end(tailEnding.failure);
    else askTail();
  };

  const isNew = (item: T): boolean => {
    const place = position(item);
    const isFresh = last === undefined || isAfter(place, last.position);
    if (isFresh) last = { position: place };
    return isFresh;
  };

  /** Hands out what the replay did not have. */
  const deliver = (chunk: T[]): void => {
    try {
      const fresh = chunk.filter(isNew);
      if (fresh.length > 0) letGo().items(fresh);
      else pullTail();
    } catch (error) {
      fail(error);
    }
  };

  const replayed = (chunk: T[]): void => {
    try {
      last = { position: position(chunk[chunk.length - 1] as T) };
    } catch (error) {
      return fail(error);
    }
    letGo().items(chunk);
  };
  const ofReplay: Sink<T> = {
    item: (value) => replayed([value]),
    items: replayed,
    end(failure) {
      if (phase === 'over') return;
      if (failure) return fail(failure.error);
      phase = 'tail';
      pullTail();
    },
  };

  const arrived = (chunk: T[]): void => {
    isTailAsked = false;
    if (phase === 'tail') deliver(chunk);
    else early = chunk;
  };
  const ofTail: Sink<T> = {
    item: (value) => arrived([value]),
    items: arrived,
    end(failure) {
      if (phase === 'over') return;
      tailEnding = { failure };
      if (phase === 'tail') letGo().end(failure);
    },
  };

  return outlet({
    pull(to) {
      sink = to;
      if (phase === 'new') {
        phase = 'replay';
        askTail();
      }
      if (phase === 'over') letGo().end();
      else if (phase === 'replay') replay.pull(ofReplay);
      else pullTail();
    },
    close() {
      const cleanup = close();
      letGo().end();
      return cleanup;
    },
  });
}
