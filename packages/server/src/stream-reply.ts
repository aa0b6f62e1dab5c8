/**
 * Verbs 3 and 4 of the path of a token: a reader tails a run's log and its entries become frames. Plain clients get the
 * reference's bytes and nothing else; opted-in ones get offsets, a priming frame, heartbeats and the terminal frame.
 */
import { ChatKitError, type LogEntry, type RunOutcome, serializeEvent } from '@chatkit/core';
import { heartbeat, pipe } from '@chatkit/stream';
import { encodeSse, eventStreamHeaders, type Reply, type SseFrame } from '@chatkit/transport';
import { settlesWithin } from './clock.ts';
import { mergeDeltas } from './merge-deltas.ts';
import type { RemoteRun } from './remote-run.ts';
import { type ReaderHold, type Run, startOffset } from './run.ts';
import { isSettled } from './run-state.ts';
import type { Settings } from './settings.ts';

export interface StreamReplyOptions {
  run: Run | RemoteRun;
  hold: ReaderHold;
  settings: Settings;
  /** Whether the client opted in to the extensions. */
  resumable: boolean;
  /** The last offset that the client has. */
  after?: string | undefined;
}

/**
 * A streaming answer. The hold is released when the body ends, fails or is returned, read or unread. Rejects, without
 * having sent anything, when the log no longer has what the reader needs.
 */
export const streamReply = async (options: StreamReplyOptions): Promise<Reply> => {
  const { run, hold, settings, resumable, after } = options;
  const entries = run.read({ after, signal: hold.signal })[Symbol.asyncIterator]();
  const newest = run.lastOffset();
  const isOver = 'state' in run && isSettled(run.state());
  const first = newest === (after ?? startOffset) && !isOver ? undefined : entries.next();
  // Where an entry must be there already it is waited for; of a log elsewhere nobody knows whether it is.
  if (first !== undefined && (newest !== undefined || (await settlesWithin(first, REMOTE_FIRST_MS, settings.clock)))) {
    const step = await orRelease(first, hold);
    if (step.done === true) {
      hold.release();
      return { status: 204, headers: {}, body: null };
    }
  }
  const tail = from(first, entries);
  const frames = resumable
    ? pipe(
        resumableFrames(mergeDeltas(tail, run.lastOffset), after, settings.retryMs),
        heartbeat<string, string>({
          everyMs: settings.heartbeatMs,
          value: encodeSse({ comment: '' }),
          clock: settings.clock,
        }),
      )
    : plainFrames(tail);
  return {
    status: 200,
    headers: { ...eventStreamHeaders, ...(resumable ? { 'chatkit-run-id': run.id } : {}) },
    body: releasing(frames, hold),
  };
};

/** How long the answer waits to learn whether a shared log has what the reader needs. */
const REMOTE_FIRST_MS = 100;

const orRelease = async <T>(work: Promise<T>, hold: ReaderHold): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    const gone = hold.signal.aborted;
    hold.release();
    throw gone ? new ChatKitError('run.cancelled', 'The client has gone.') : error;
  }
};

async function* plainFrames(entries: AsyncIterable<LogEntry>): AsyncGenerator<string, void, undefined> {
  for await (const entry of entries) if ('event' in entry) yield encodeSse({ data: serializeEvent(entry.event) });
}

async function* resumableFrames(
  entries: AsyncIterable<LogEntry>,
  after: string | undefined,
  retryMs: number,
): AsyncGenerator<string, void, undefined> {
  // Without data, so nobody sees an event; from here on a client that is cut off knows where to go on.
  yield encodeSse({ id: after ?? startOffset, retry: retryMs });
  for await (const entry of entries) {
    yield 'event' in entry
      ? encodeSse({ id: entry.offset, data: serializeEvent(entry.event) })
      : encodeSse({ ...endFrame(entry.end, retryMs), id: entry.offset });
  }
}

/** After a shutdown all clients would come back at once, so each is told another time. */
const endFrame = (outcome: RunOutcome, retryMs: number): SseFrame => ({
  event: 'end',
  data: JSON.stringify({ outcome }),
  retry: outcome === 'interrupted' ? Math.round(retryMs * (0.5 + Math.random())) : undefined,
});

async function* from<T>(
  first: Promise<IteratorResult<T>> | undefined,
  rest: AsyncIterator<T>,
): AsyncGenerator<T, void, undefined> {
  try {
    for (let step = await (first ?? rest.next()); step.done !== true; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

/**
 * The body. An object of its own, because a generator that was never started does not run its `finally` on `return()`,
 * and one that waits for the next entry would first wait for it: the release aborts the read underneath.
 */
const releasing = (frames: AsyncIterable<string>, hold: ReaderHold): AsyncIterable<string> => ({
  [Symbol.asyncIterator]() {
    const iterator = frames[Symbol.asyncIterator]();
    return {
      async next() {
        try {
          const step = await iterator.next();
          if (step.done === true) hold.release();
          return step;
        } catch (error) {
          hold.release();
          throw error;
        }
      },
      async return() {
        hold.release();
        await iterator.return?.().catch(() => {});
        return { done: true, value: undefined };
      },
    };
  },
});
