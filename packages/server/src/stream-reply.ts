/**
 * Verbs 3 and 4 of the path of a token: a reader tails a run's log and its entries become frames. Plain clients get the
 * reference's bytes and nothing else; opted-in ones get offsets, a priming frame, heartbeats and the terminal frame.
 */
import { ChatKitError, type LogEntry, parseOffset, type RunOutcome, serializeEvent } from '@chatkit/core';
import { CHUNKS, type ChunkSource, concat, from, heartbeat, interruptible, pipe, type Stream } from '@chatkit/stream';
import { encodeSse, endOfTurn, eventStreamHeaders, type Reply, type SseFrame } from '@chatkit/transport';
import { settlesWithin } from './clock.ts';
import { type EventFrames, framesOf } from './event-frames.ts';
import { createDeltaMerger } from './merge-deltas.ts';
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
  const entries = arraysOf(run.read({ after, signal: hold.signal }));
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
  const place: Place = { offset: after ?? startOffset, opened() {}, leave: hold.release };
  const encode = resumable
    ? resumableFrames(framesOf(run), run.lastOffset, settings.retryMs, place)
    : plainFrames(framesOf(run));
  // Without data, so nobody sees an event; from here on a client that is cut off knows where to go on.
  const priming = resumable ? encodeSse({ id: after ?? startOffset, retry: settings.retryMs }) : undefined;
  const frames = readFrames({ priming, first, entries, encode, place });
  return {
    status: 200,
    headers: {
      ...eventStreamHeaders,
      ...(resumable && { 'chatkit-run-id': run.id, 'chatkit-heartbeat': String(settings.heartbeatMs) }),
    },
    body: resumable
      ? pipe(
          handOver(frames, hold, place, settings),
          heartbeat<string, string>({
            everyMs: settings.heartbeatMs,
            value: encodeSse({ comment: '' }),
            clock: settings.clock,
          }),
        )
      : frames,
  };
};

/** Where a reader is. */
interface Place {
  /** The last offset that was sent. */
  offset: string;
  /** Called when its body begins to be read. */
  opened: () => void;
  /** What becomes of its hold when its body is over. */
  leave: () => void;
}

/**
 * Ends a body that has become old: it stops behind a whole frame, and the last one tells the client to go on at once from
 * there. Until it has come back its hold counts, or the hand-over would look to the run as if nobody read it.
 */
const handOver = (frames: Stream<string>, hold: ReaderHold, place: Place, settings: Settings): Stream<string> => {
  const { clock, maxConnectionMs, retryMs } = settings;
  if (maxConnectionMs === Number.POSITIVE_INFINITY) return frames;
  const age = interruptible();
  let isOld = false;
  place.opened = () => {
    const timer = clock.setTimeout(() => {
      isOld = true;
      place.leave = () => void clock.setTimeout(hold.release, HAND_OVER_MS);
      age.interrupt();
    }, maxConnectionMs);
    hold.signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true });
  };
  const last = {
    *[Symbol.iterator]() {
      if (isOld) yield encodeSse({ event: 'reconnect', data: '{}', id: place.offset, retry: retryMs });
    },
  };
  return concat(pipe(frames, age), last);
};

/** How long a client may take to come back to a run that nobody else reads. */
const HAND_OVER_MS = 10_000;

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

/** What is there, as arrays; one by one from a log that gives none. */
const arraysOf = (entries: AsyncIterable<LogEntry>): AsyncIterator<readonly LogEntry[]> => {
  const { [CHUNKS]: arrays } = entries as Partial<ChunkSource<LogEntry>>;
  if (arrays !== undefined) return arrays.call(entries);
  const iterator = entries[Symbol.asyncIterator]();
  return {
    async next() {
      const step = await iterator.next();
      return step.done === true ? step : { done: false, value: [step.value] };
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
};

type Encode = (entries: readonly LogEntry[]) => string[];

const plainFrames =
  ({ frameOf }: EventFrames): Encode =>
  (entries) => {
    const frames: string[] = [];
    for (const entry of entries) if ('event' in entry) frames.push(frameOf(entry));
    return frames;
  };

const resumableFrames = (
  { frameOf }: EventFrames,
  newest: () => string | undefined,
  retryMs: number,
  place: Place,
): Encode => {
  const merge = createDeltaMerger(newest);
  const frame = (entry: LogEntry): string => {
    const { offset } = entry;
    place.offset = offset;
    if ('end' in entry) return encodeSse({ ...endFrame(entry.end, retryMs), id: offset });
    // What a log of somebody else's gives for an offset is looked at by the encoder.
    if (parseOffset(offset) === undefined) return encodeSse({ id: offset, data: serializeEvent(entry.event) });
    return `id: ${offset}\n${frameOf(entry)}`;
  };
  return (entries) => merge(entries).map(frame);
};

/** After a shutdown all clients would come back at once, so each is told another time. */
const endFrame = (outcome: RunOutcome, retryMs: number): SseFrame => ({
  event: 'end',
  data: JSON.stringify({ outcome }),
  retry: outcome === 'interrupted' ? Math.round(retryMs * (0.5 + Math.random())) : undefined,
});

interface FrameSource {
  /** What goes out before anything is read. */
  priming: string | undefined;
  /** The first arrays, if they have been asked for. */
  first: Promise<IteratorResult<readonly LogEntry[]>> | undefined;
  entries: AsyncIterator<readonly LogEntry[]>;
  encode: Encode;
  place: Place;
}

/** The body: arrays of frames, so that what was there together costs one promise. Its end, however it comes, is the hold's. */
const readFrames = ({ priming, first, entries, encode, place }: FrameSource): Stream<string> => {
  let ahead = first;
  let isPrimed = priming === undefined;
  let hasRead = false;
  const reader: AsyncIterator<readonly string[], undefined> = {
    async next() {
      if (!isPrimed) {
        isPrimed = true;
        place.opened();
        return { done: false, value: [priming as string] };
      }
      try {
        // An event that comes alone is there at once; those that come with it, in the same turn, are taken together.
        if (hasRead) await new Promise<void>(endOfTurn);
        hasRead = true;
        const step = await (ahead ?? entries.next());
        ahead = undefined;
        if (step.done !== true) return { done: false, value: encode(step.value) };
        place.leave();
        return { done: true, value: undefined };
      } catch (error) {
        place.leave();
        throw error;
      }
    },
    // A read that is pending is ended by the release underneath; it need not be waited for.
    async return() {
      place.leave();
      await entries.return?.();
      return { done: true, value: undefined };
    },
  };
  // `from` looks for arrays first; that a source of arrays is none of items is of no account.
  return from({ [CHUNKS]: () => reader } as unknown as AsyncIterable<string>);
};
