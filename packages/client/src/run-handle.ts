/**
 * What `send()` gives back: the events of a run as something to iterate, and its end as something to wait for. The run
 * goes on whether or not anybody does either, so a loop that is left early stops nothing but itself.
 */
import type { RunOutcome, ThreadStreamEvent } from '@chatkit/core';
import type { CloseReason } from './connection-state.ts';
import { deferred } from './deferred.ts';

/**
 * A run as its starter sees it. Each iteration has all events from the moment it begins: one that begins in the same turn
 * as the run misses none. It ends when the run has ended, and throws when the run could not be started or was lost; an
 * `error` event of the assistant's is an event, not a throw.
 */
export interface ChatRun extends AsyncIterable<ThreadStreamEvent> {
  /** The id of the run, or of its first part where tools of the page had it go on in further ones. */
  readonly id: string;
  /** How it ended. Never rejects, so it need not be awaited. `interrupted`: lost, or let go of by loading another thread. */
  readonly done: Promise<RunOutcome>;
  /**
   * Why this client no longer follows it, which tells apart what `interrupted` does not: `drop` and `stall` were not wanted
   * by anybody, `detach` and `navigate` were. Settles with `done`, and never rejects.
   */
  readonly closed: Promise<CloseReason>;
}

/** The other side of a {@link ChatRun}. */
export interface RunHandle {
  readonly run: ChatRun;
  push(events: readonly ThreadStreamEvent[]): void;
  /** Settles the run; only the first call counts. */
  settle(outcome: RunOutcome, reason: CloseReason, error?: unknown): void;
}

/** A reader has a queue of its own, so one that is slow holds up neither the others nor the screen. */
interface Reader {
  push(events: readonly ThreadStreamEvent[]): void;
  end(): void;
}

/** Where a reader is: more may come; the run has ended, which it has still to be told; nothing comes any more. */
type ReaderPhase = 'following' | 'ending' | 'over';

export const createRunHandle = (id: string): RunHandle => {
  const readers = new Set<Reader>();
  const done = deferred<RunOutcome>();
  const closed = deferred<CloseReason>();
  let ending: { readonly error: unknown } | undefined;

  const iterate = (): AsyncIterator<ThreadStreamEvent, undefined> => {
    let queue: ThreadStreamEvent[] = [];
    let waiting: (() => void)[] = [];
    let phase: ReaderPhase = ending === undefined ? 'following' : 'ending';
    const wake = () => {
      const ready = waiting;
      waiting = [];
      for (const resume of ready) resume();
    };
    const reader: Reader = {
      push(events) {
        queue.push(...events);
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
          const value = queue.shift();
          if (value !== undefined) return { value, done: false };
          if (phase !== 'following') {
            // The failure is thrown once, by the call that reaches the end; calls after it are done.
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
      if (ending !== undefined) return;
      ending = { error };
      done.resolve(outcome);
      closed.resolve(reason);
      for (const reader of readers) reader.end();
      readers.clear();
    },
  };
};
