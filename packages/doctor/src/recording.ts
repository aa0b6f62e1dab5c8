/** Records what arrives on a connection, and when, read by read. */
import type { RunOutcome } from '@chatkit/core';
import { createSseDecoder, type SseFrame } from '@chatkit/transport';

/** One read of the body. */
export interface Read {
  /** Time since the request was sent. */
  readonly atMs: number;
  readonly bytes: number;
  /** How many events it had. */
  readonly events: number;
  /**
   * How many of these were text deltas. The server joins deltas that are ready together, so separate ones became ready
   * one by one.
   */
  readonly texts: number;
  /** The length of that text in UTF-16 units. */
  readonly letters: number;
}

/** What is known of a response while it is being read. */
export interface Recording {
  readonly reads: readonly Read[];
  readonly heartbeats: number;
  /** The offset of the last frame. */
  readonly offset: string | undefined;
  readonly threadId: string | undefined;
  /** How the run ended, if the server said so. */
  readonly outcome: RunOutcome | undefined;
  /** Whether the server asked the client to reconnect, because the connection had become too old. */
  readonly isHandedOver: boolean;
  /** Whether a `progress_update` came before the first text. */
  readonly hasEarlyProgress: boolean;
  /** Events of the type `error`. */
  readonly errors: readonly { readonly code: string; readonly message: string | undefined }[];
}

/** A recording that is being made. */
export interface Recorder extends Recording {
  /** Records a read and returns how many events it had. Throws on a frame over 8 MiB. */
  take(chunk: Uint8Array): number;
}

/** Records the body of an event stream. `elapsedMs` returns the time since the request was sent. */
export const createRecorder = (elapsedMs: () => number): Recorder => {
  const reads: Read[] = [];
  const errors: { code: string; message: string | undefined }[] = [];
  const recording: { -readonly [Field in keyof Recording]: Recording[Field] } = {
    reads,
    heartbeats: 0,
    offset: undefined,
    threadId: undefined,
    outcome: undefined,
    isHandedOver: false,
    hasEarlyProgress: false,
    errors,
  };
  let hasText = false;
  // Counters for the read that is being recorded.
  let texts = 0;
  let letters = 0;
  let events = 0;

  const onEvent = (event: EventLike): void => {
    events += 1;
    if (event.type === 'thread.created') recording.threadId = event.thread?.id;
    else if (event.type === 'progress_update') recording.hasEarlyProgress ||= !hasText;
    else if (event.type === 'error') errors.push({ code: event.code ?? 'unknown', message: event.message });
    else if (event.update?.type === 'assistant_message.content_part.text_delta') {
      hasText = true;
      texts += 1;
      letters += String(event.update.delta ?? '').length;
    }
  };

  const decoder = createSseDecoder(
    ({ comment, data, event, id }: SseFrame) => {
      if (comment !== undefined) recording.heartbeats += 1;
      if (id !== undefined) recording.offset = id;
      if (data === undefined) return;
      const value = parsed(data);
      if (event === 'end') recording.outcome = value?.outcome;
      else if (event === 'reconnect') recording.isHandedOver = true;
      else if ((event === undefined || event === 'message') && value !== undefined) onEvent(value);
    },
    { maxEventBytes: MAX_EVENT_BYTES },
  );

  const take = (chunk: Uint8Array): number => {
    events = texts = letters = 0;
    decoder.push(chunk);
    reads.push({ atMs: elapsedMs(), bytes: chunk.byteLength, events, texts, letters });
    return events;
  };
  return Object.assign(recording, { take });
};

/** The default maximum size of an event on the server. */
export const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** The fields of an event that are used. Any may be missing, because the server may be of any kind. */
interface EventLike {
  readonly type?: string;
  readonly thread?: { readonly id?: string };
  readonly update?: { readonly type?: string; readonly delta?: string };
  readonly code?: string;
  readonly message?: string;
  readonly outcome?: RunOutcome;
}

const parsed = (data: string): EventLike | undefined => {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
};
