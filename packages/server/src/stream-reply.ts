/**
 * Steps 3 and 4 of the path of a token, tail and encode: makes the streaming response, in which a reader follows a
 * run's log and its entries become frames. Plain clients get the Python SDK's bytes, and comments if the application
 * wants them; opted-in ones get offsets, a priming frame, heartbeats and the terminal frame.
 */
import { ChatKitError } from '@chatkit/core';
import { concat, heartbeat, pipe, type Stream } from '@chatkit/stream';
import { encodeSse, eventStreamHeaders, type Reply, type SseFrame } from '@chatkit/transport';
import { type Clock, settlesWithin } from './clock.ts';
import { PlainEncoder, ResumableEncoder, randomRetry } from './frame-encoders.ts';
import { FrameStream } from './frame-stream.ts';
import type { OpenStream, OpenStreams } from './open-streams.ts';
import type { ReaderHold } from './reader-hold.ts';
import type { RemoteRun } from './remote-run.ts';
import { Run, serverClosing, startOffset } from './run.ts';
import { isSettled } from './run-state.ts';
import type { Settings } from './settings.ts';

export interface StreamReplyOptions {
  run: Run | RemoteRun;
  hold: ReaderHold;
  settings: Settings;
  /** Where the stream is counted, so that the server can close. */
  streams: OpenStreams;
  /** Whether the client opted in to the extensions. */
  resumable: boolean;
  /** The last offset that the client has. */
  after?: string | undefined;
}

/**
 * A streaming response. The hold is released when the body ends, fails or is cancelled, even if it was never read.
 * Rejects, before anything is sent, when the log no longer has what the reader needs, or the server is closed and the
 * run another machine's.
 */
export const streamReply = async (options: StreamReplyOptions): Promise<Reply> => {
  const { run, hold, settings, streams, resumable, after } = options;
  const { frames } = run;
  let leave = hold.release;
  const stream = new FrameStream({
    entries: run.read({ after, signal: hold.requestSignal }),
    encoder: resumable ? new ResumableEncoder(frames, settings.retryMs) : new PlainEncoder(frames),
    onOver: () => {
      if (run instanceof Run) run.unfollow(stream);
      streams.delete(open);
      leave();
    },
  });
  // A plain client has no frame that asks it to reconnect, and would take an ordinary end for that of the answer.
  const open: OpenStream = { run, leave: () => stream.stop({ error: serverClosing() }) };
  try {
    streams.add(open);
  } catch (error) {
    hold.release();
    throw error;
  }
  if (run instanceof Run) run.follow(stream);
  const newest = run.lastOffset();
  const isOver = run instanceof Run && isSettled(run.state());
  const first = newest === (after ?? startOffset) && !isOver ? undefined : stream.begin();
  // On this machine an entry is known to be there, so it is awaited. For a run elsewhere it may not be: the wait is
  // bounded.
  if (first !== undefined && (newest !== undefined || (await settlesWithin(first, REMOTE_FIRST_MS, settings.clock)))) {
    let hasEntry = false;
    try {
      hasEntry = await orRelease(first, hold);
    } finally {
      if (!hasEntry) void stream.close();
    }
    if (!hasEntry) return { status: 204, headers: {}, body: null };
  }
  if (!resumable) return { status: 200, headers: { ...eventStreamHeaders }, body: plainBody(stream, settings) };
  const body = resumableBody(stream, open, hold, after ?? startOffset, settings, () => {
    // The hold is kept until the client has had time to come back. Otherwise the hand-over could look like the last
    // reader's leaving.
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

/** The run's frames and nothing else, unless a proxy needs comments in the silence. */
const plainBody = ({ frames }: FrameStream, { clock, plainHeartbeatMs }: Settings): AsyncIterable<string> =>
  plainHeartbeatMs === undefined ? frames : pipe(frames, commentsEvery(plainHeartbeatMs, clock));

const commentsEvery = (everyMs: number, clock: Clock) =>
  heartbeat<string, string>({ everyMs, value: encodeSse({ comment: '' }), clock });

/**
 * The run's frames between two more. The first has an id but no data, so it is no event, but a client that is cut off
 * from here on knows where to resume. The last is sent when the connection has become too old or the server closes, and
 * tells the client to reconnect. In between, comments fill the silence.
 */
const resumableBody = (
  stream: FrameStream,
  open: OpenStream,
  hold: ReaderHold,
  start: string,
  { clock, heartbeatMs, maxConnectionMs, retryMs }: Settings,
  onOld: () => void,
): Stream<string> => {
  let farewell: SseFrame | undefined;
  /** `retry`: where everybody is sent away at once; who is late alone need not wait. */
  const handOver = (retry?: number) => {
    farewell = { event: 'reconnect', data: '{}', retry };
    stream.stop();
  };
  open.leave = () => handOver(randomRetry(retryMs));
  const growOld = () => {
    onOld();
    handOver();
  };
  const first = {
    *[Symbol.iterator]() {
      yield encodeSse({ id: start, retry: retryMs });
      if (maxConnectionMs === Number.POSITIVE_INFINITY || hold.isReleased) return;
      const timer = clock.setTimeout(growOld, maxConnectionMs);
      hold.signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true });
    },
  };
  const last = {
    *[Symbol.iterator]() {
      const id = stream.offset() ?? start;
      if (farewell !== undefined) yield encodeSse({ ...farewell, id });
    },
  };
  return pipe(concat(first, stream.frames, last), commentsEvery(heartbeatMs, clock));
};

/** How long a client may take to come back after a hand-over before its hold is released. */
const HAND_OVER_MS = 10_000;

/** How long the response waits to learn whether a shared log still has what the reader needs. */
const REMOTE_FIRST_MS = 100;

/** Waits for `work`, and releases the hold if it rejects, since that reader gets no stream. */
export const orRelease = async <T>(work: Promise<T>, hold: ReaderHold): Promise<T> => {
  try {
    return await work;
  } catch (error) {
    const gone = hold.isReleased;
    hold.release();
    throw gone ? new ChatKitError('run.cancelled', 'The client has gone.') : error;
  }
};
