/**
 * What arrived on a connection and when, read by read.
 */
import type { RunOutcome } from '@chatkit/core';
import { createSseDecoder, type SseFrame } from '@chatkit/transport';

/** One read of the body. */
export interface Read {
  /** Since the request was sent. */
  readonly atMs: number;
  readonly bytes: number;
  /** Events in it. */
  readonly events: number;
  /**
   * Events in it that bring text of the answer. The server joins what is ready together, so they were ready one by one.
   */
  readonly texts: number;
  /** Letters (UTF-16 units) of that text. */
  readonly letters: number;
}

/** What is known of a response while it is read. */
export interface Recording {
  readonly reads: readonly Read[];
  readonly heartbeats: number;
  /** The offset of the last frame. */
  readonly offset: string | undefined;
  readonly threadId: string | undefined;
  /** How the run ended, if the server said so. */
  readonly outcome: RunOutcome | undefined;
  /** Whether the server asked for the connection to be replaced, having become old. */
  readonly isHandedOver: boolean;
  /** Whether a `progress_update` came before the first text. */
  readonly hasEarlyProgress: boolean;
  /** Events of the type `error`. */
  readonly errors: readonly { readonly code: string; readonly message: string | undefined }[];
}

/** A recording in the making. */
export interface Recorder extends Recording {
  /** Takes a read in, and says how many events were in it. Throws on a frame over 8 MiB. */
  take(chunk: Uint8Array): number;
}

/** Records a body that is an event stream. `elapsedMs` is the time since the request was sent. */
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
  // Of the read that is being taken in.
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
      else if (event === undefined && value !== undefined) onEvent(value);
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

/** The most that the server sends as one event. */
const MAX_EVENT_BYTES = 8 * 1024 * 1024;

/** The fields of an event that are looked at. Anything may be missing: the server may be any. */
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
