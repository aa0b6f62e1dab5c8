/**
 * Verbs 3 and 4 of the path of a token: a reader tails a run's log and its entries become frames. Plain clients get the
 * reference's bytes and nothing else; opted-in ones get offsets, a priming frame, heartbeats and the terminal frame.
 */
import { ChatKitError } from '@chatkit/core';
import { concat, heartbeat, pipe, type Stream } from '@chatkit/stream';
import { encodeSse, eventStreamHeaders, type Reply } from '@chatkit/transport';
import { settlesWithin } from './clock.ts';
import { PlainEncoder, ResumableEncoder } from './frame-encoders.ts';
import { FrameStream } from './frame-stream.ts';
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
  const { frames } = run;
  let leave = hold.release;
  const stream = new FrameStream({
    entries: run.read({ after, signal: hold.signal }),
    encoder: resumable ? new ResumableEncoder(frames, settings.retryMs) : new PlainEncoder(frames),
    onOver: () => leave(),
  });
  const newest = run.lastOffset();
  const isOver = 'state' in run && isSettled(run.state());
  const first = newest === (after ?? startOffset) && !isOver ? undefined : stream.begin();
  // Where an entry must be there already it is waited for; of a log elsewhere nobody knows whether it is.
  if (first !== undefined && (newest !== undefined || (await settlesWithin(first, REMOTE_FIRST_MS, settings.clock)))) {
    if (!(await orRelease(first, hold))) {
      hold.release();
      return { status: 204, headers: {}, body: null };
    }
  }
  if (!resumable) return { status: 200, headers: { ...eventStreamHeaders }, body: stream.frames };
  const body = resumableBody(stream, hold.signal, after ?? startOffset, settings, () => {
    // Until the client has come back its hold counts, or the hand-over would look to the run as if nobody read it.
    leave = () => void settings.clock.setTimeout(hold.release, HAND_OVER_MS);
  });
  const headers = {
    ...eventStreamHeaders,
    'chatkit-run-id': run.id,
    'chatkit-heartbeat': String(settings.heartbeatMs),
    ...(newest !== undefined && { 'chatkit-replay-to': newest }),
  };
  return { status: 200, headers, body };
};

/**
 * The frames between two of our own. The first has no data, so no client sees an event, but from here on one that is
 * cut off knows where to go on. The last comes when the connection has become old: it tells the client to go on at once
 * with a new one. In between, comments fill the silence.
 */
const resumableBody = (
  stream: FrameStream,
  signal: AbortSignal,
  start: string,
  { clock, heartbeatMs, maxConnectionMs, retryMs }: Settings,
  onOld: () => void,
): Stream<string> => {
  let isOld = false;
  const growOld = () => {
    isOld = true;
    onOld();
    stream.stop();
  };
  const first = {
    *[Symbol.iterator]() {
      yield encodeSse({ id: start, retry: retryMs });
      if (maxConnectionMs === Number.POSITIVE_INFINITY || signal.aborted) return;
      const timer = clock.setTimeout(growOld, maxConnectionMs);
      signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true });
    },
  };
  const last = {
    *[Symbol.iterator]() {
      const id = stream.offset() ?? start;
      if (isOld) yield encodeSse({ event: 'reconnect', data: '{}', id, retry: retryMs });
    },
  };
  return pipe(
    concat(first, stream.frames, last),
    heartbeat<string, string>({ everyMs: heartbeatMs, value: encodeSse({ comment: '' }), clock }),
  );
};

/** How long a client may take to come back to a run that nobody else reads. */
const HAND_OVER_MS = 10_000;

/** How long the answer waits to learn whether a shared log has what the reader needs. */
const REMOTE_FIRST_MS = 100;

/** A hold is not kept by a reader who gets no answer. */
export const orRelease = async <T>(work: Promise<T>, hold: ReaderHold): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    const gone = hold.signal.aborted;
    hold.release();
    throw gone ? new ChatKitError('run.cancelled', 'The client has gone.') : error;
  }
};
