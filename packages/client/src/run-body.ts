/**
 * Reads a response body into events: decodes frames, drops offsets seen before, and delivers the events of one read as
 * one batch. Separate from connecting, because the last offset outlives a connection.
 */
import { compareOffsets, type RunOutcome, type ThreadStreamEvent } from '@chatkit/core';
import { createSseDecoder } from '@chatkit/transport';
import { createPlainEnding } from './plain-ending.ts';

export interface RunBodyHooks {
  /** Bytes came, with this many new events in them. Called before `onEvents`. */
  onHeard(events: number): void;
  /** `isLast`: the terminal frame came in the same read. */
  onEvents(events: readonly ThreadStreamEvent[], isLast: boolean): void;
  onRetry(ms: number): void;
  /** The run's first offset came, so its frames have offsets. */
  onNumbered(): void;
}

/**
 * How a body ended. `ended`: with the terminal frame. `whole`: without it, but complete as far as can be told. `cut`:
 * in the middle.
 */
export type BodyEnd =
  | { readonly type: 'ended'; readonly outcome: RunOutcome }
  | { readonly type: 'whole'; readonly outcome: RunOutcome }
  /** The server asks for a new connection; if it says so, after a random part of this time. */
  | { readonly type: 'handedOver'; readonly withinMs: number | undefined }
  | { readonly type: 'cut' };

/** Reads the bodies of one run, one after another. */
export interface RunBodyReader {
  /** The last offset delivered; the next attach continues after it. */
  lastOffset(): string | undefined;
  /** Reads to the end. Resolves as `cut` if the signal aborts before that; rejects when the bytes cannot be read. */
  read(body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<BodyEnd>;
}

/** The largest event that a server sends by default is 8 MiB; this leaves room for the frame around it. */
export const maxEventBytes = 9 * 1024 * 1024;

const outcomes: ReadonlySet<unknown> = new Set<RunOutcome>(['completed', 'cancelled', 'failed', 'interrupted']);

export const createRunBodyReader = (hooks: RunBodyHooks): RunBodyReader => {
  let lastOffset: string | undefined;

  const read = async (body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<BodyEnd> => {
    const reader = body.getReader();
    const onAbort = () => void reader.cancel().catch(() => {});
    signal.addEventListener('abort', onAbort, { once: true });
    const plain = createPlainEnding();
    let batch: ThreadStreamEvent[] = [];
    /** What the server has said about the end of this body. */
    let end: BodyEnd | undefined;
    /** The `retry` of the frame that is being read: the decoder reports it before the rest of the frame. */
    let retryMs: number | undefined;
    const saidEnd = (): BodyEnd | undefined => end;
    const decoder = createSseDecoder(
      ({ id, event, data, retry }) => {
        if (end?.type === 'ended') return;
        if (retry !== undefined) hooks.onRetry(retry);
        if (event === 'reconnect') end = { type: 'handedOver', withinMs: retryMs };
        retryMs = retry;
        if (id !== undefined && lastOffset !== undefined && compareOffsets(id, lastOffset) <= 0) return;
        if (data !== undefined) {
          const value: unknown = JSON.parse(data);
          if (event === 'end') end = { type: 'ended', outcome: outcomeOf(value) };
          // Frames with other names, of newer servers, are not thread events.
          else if ((event === undefined || event === 'message') && isEvent(value)) batch.push(value);
        }
        // Only now, so that a frame that could not be parsed is requested again.
        if (id === undefined) return;
        if (lastOffset === undefined) hooks.onNumbered();
        lastOffset = id;
      },
      { maxEventBytes },
    );
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (signal.aborted) return { type: 'cut' };
        if (done) return saidEnd() ?? (plain.isWhole() ? { type: 'whole', outcome: plain.outcome() } : { type: 'cut' });
        try {
          decoder.push(value);
        } finally {
          const events = batch;
          batch = [];
          hooks.onHeard(events.length);
          plain.take(value, events);
          if (events.length > 0) hooks.onEvents(events, saidEnd()?.type === 'ended');
        }
        const said = saidEnd();
        if (said?.type === 'ended') return said;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      onAbort();
    }
  };

  return { lastOffset: () => lastOffset, read };
};

const isEvent = (value: unknown): value is ThreadStreamEvent =>
  typeof (value as { type?: unknown } | null)?.type === 'string';

/** An outcome unknown here, of a newer server, still means that the run ended. */
const outcomeOf = (value: unknown): RunOutcome => {
  const { outcome } = Object(value) as { outcome?: unknown };
  return outcomes.has(outcome) ? (outcome as RunOutcome) : 'completed';
};
