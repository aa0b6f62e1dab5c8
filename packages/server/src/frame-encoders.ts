/**
 * The two ways to encode a run's log for a reader: plain frames, exactly those of the Python SDK, or frames with
 * offsets, from which a client can resume.
 */
import { isTextRow, type LogEntry, parseOffset, type RunOutcome, serializeEvent, type TextRow } from '@chatkit/core';
import { encodeSse, type SseFrame } from '@chatkit/transport';
import { DeltaMerger, joinedRow } from './delta-merger.ts';
import type { EventFrames } from './event-frames.ts';
import type { FrameEncoder } from './frame-stream.ts';

/** The Python SDK's bytes and nothing else. */
export class PlainEncoder implements FrameEncoder {
  private readonly frames: EventFrames;

  constructor(frames: EventFrames) {
    this.frames = frames;
  }

  add(entry: LogEntry | TextRow): string {
    if (isTextRow(entry)) return this.frames.framesOfRow(entry);
    return 'event' in entry ? this.frames.frameOf(entry) : '';
  }

  rest(): string {
    return '';
  }

  offset(): undefined {
    return undefined;
  }
}

/** Frames with offsets, and the terminal frame. Neighbouring deltas that are available together share a frame. */
export class ResumableEncoder implements FrameEncoder {
  private readonly frames: EventFrames;
  private readonly retryMs: number;
  private readonly merger = new DeltaMerger();
  private last: string | undefined;

  constructor(frames: EventFrames, retryMs: number) {
    this.frames = frames;
    this.retryMs = retryMs;
  }

  add(entry: LogEntry | TextRow): string {
    return this.frame(this.merger.add(isTextRow(entry) ? joinedRow(entry) : entry));
  }

  rest(): string {
    return this.frame(this.merger.rest());
  }

  offset(): string | undefined {
    return this.last;
  }

  private frame(entry: LogEntry | undefined): string {
    if (entry === undefined) return '';
    const frame = this.encode(entry);
    this.last = entry.offset;
    return frame;
  }

  private encode(entry: LogEntry): string {
    const { offset } = entry;
    if ('end' in entry) return encodeSse({ ...endFrame(entry.end, this.retryMs), id: offset });
    // A third-party log may return any string as an offset: `encodeSse` checks that it is a safe `id`.
    if (parseOffset(offset) === undefined) return encodeSse({ id: offset, data: serializeEvent(entry.event) });
    return `id: ${offset}\n${this.frames.frameOf(entry)}`;
  }
}

const endFrame = (outcome: RunOutcome, retryMs: number): SseFrame => ({
  event: 'end',
  data: JSON.stringify({ outcome }),
  retry: outcome === 'interrupted' ? randomRetry(retryMs) : undefined,
});

/** After a shutdown all clients would reconnect at once, so each gets a random delay. */
export const randomRetry = (retryMs: number): number => Math.round(retryMs * (0.5 + Math.random()));
