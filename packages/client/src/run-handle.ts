/**
 * What `send()` returns: a run's events to iterate and its end to await. The run goes on whether or not anybody does
 * either, so leaving the loop early does not stop it.
 */
import { isTextDelta, type RunOutcome, type ThreadStreamEvent, textDelta } from '@chatkit/core';
import type { CloseReason } from './connection-state.ts';
import { deferred } from './deferred.ts';

/**
 * A run, as returned to whoever started it. Each iteration yields all events from the moment it begins; one that begins
 * in the same turn of the event loop as the run misses none. It ends with the run, and throws if the run could not be
 * started or was lost; an `error` event from the assistant is an event and is not thrown.
 *
 * A slow loop does not hold up the run, because the screen shows the same events: the client reads on. A loop that is
 * more than a thousand events behind gets neighbouring text deltas of one part as one delta.
 */
export interface ChatRun extends AsyncIterable<ThreadStreamEvent> {
  /** The id of the run; of the first one, if client tools continued it in further runs. */
  readonly id: string;
  /**
   * How the run ended. Never rejects, so it need not be awaited. `interrupted`: lost, or no longer followed because
   * another thread was loaded.
   */
  readonly done: Promise<RunOutcome>;
  /**
   * Why this client no longer follows the run. It tells apart the causes of `interrupted`: `drop` and `stall` are
   * failures, `detach` and `navigate` are intended. Settles together with `done`, and never rejects.
   */
  readonly closed: Promise<CloseReason>;
}

/** The writing side of a {@link ChatRun}. */
export interface RunHandle {
  readonly run: ChatRun;
  push(events: readonly ThreadStreamEvent[]): void;
  /** Settles the run. Called once. */
  settle(outcome: RunOutcome, reason: CloseReason, error?: unknown): void;
}

/** How many events may wait for an iteration before neighbouring text is joined. */
const maxSeparate = 1024;

/** One iteration of the run. It has its own queue, so a slow one holds up neither the others nor the screen. */
interface Reader {
  push(events: readonly ThreadStreamEvent[]): void;
  end(): void;
}

/**
 * Where a reader is. `following`: more may come. `ending`: the run has ended, but the reader has not been told. `over`:
 * nothing more comes.
 */
type ReaderPhase = 'following' | 'ending' | 'over';

export const createRunHandle = (id: string): RunHandle => {
  const readers = new Set<Reader>();
  const done = deferred<RunOutcome>();
  const closed = deferred<CloseReason>();
  let ending: { readonly error: unknown } | undefined;

  const iterate = (): AsyncIterator<ThreadStreamEvent, undefined> => {
    let queue: ThreadStreamEvent[] = [];
    /** How many of `queue` have been taken. `shift()` would move all that are left, each time. */
    let taken = 0;
    let waiting: (() => void)[] = [];
    let phase: ReaderPhase = ending === undefined ? 'following' : 'ending';
    const wake = () => {
      const ready = waiting;
      waiting = [];
      for (const resume of ready) resume();
    };
    const reader: Reader = {
      push(events) {
        for (const event of events) {
          const joined = queue.length - taken > maxSeparate ? joinText(queue.at(-1), event) : undefined;
          if (joined === undefined) queue.push(event);
          else queue[queue.length - 1] = joined;
        }
        wake();
      },
      end() {
        phase = 'ending';
        wake();
      },
    };
    if (phase === 'following') readers.add(reader);
    return {
      async next() {
        for (;;) {
          const value = queue[taken];
          if (value !== undefined) {
            if (++taken > maxSeparate && taken * 2 > queue.length) {
              queue = queue.slice(taken);
              taken = 0;
            }
            return { value, done: false };
          }
          if (phase !== 'following') {
            // The error is thrown once, by the call that reaches the end; later calls return done.
            const error = phase === 'ending' ? ending?.error : undefined;
            phase = 'over';
            if (error !== undefined) throw error;
            return { value: undefined, done: true };
          }
          await new Promise<void>((resolve) => waiting.push(resolve));
        }
      },
      async return() {
        readers.delete(reader);
        queue = [];
        phase = 'over';
        wake();
        return { value: undefined, done: true };
      },
    };
  };

  return {
    run: { id, done: done.promise, closed: closed.promise, [Symbol.asyncIterator]: iterate },
    push(events) {
      for (const reader of readers) reader.push(events);
    },
    settle(outcome, reason, error) {
      ending = { error };
      done.resolve(outcome);
      closed.resolve(reason);
      for (const reader of readers) reader.end();
      readers.clear();
    },
  };
};

/** Two neighbouring text deltas of one part as one; `undefined` if they are something else. */
const joinText = (older: ThreadStreamEvent | undefined, newer: ThreadStreamEvent): ThreadStreamEvent | undefined => {
  if (older === undefined || !isTextDelta(older) || !isTextDelta(newer)) return undefined;
  const { item_id, update } = newer;
  return older.item_id === item_id && older.update.content_index === update.content_index
    ? textDelta(item_id, older.update.delta + update.delta, update.content_index)
    : undefined;
};
