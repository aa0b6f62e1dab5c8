/**
 * The queue between a run with its tools and the reader of the events. No event is lost or refused, because a tool that
 * emits one cannot be made to wait. Producers that can wait, the run itself and streaming widgets, wait when `capacity`
 * events are queued, until half of them have been taken.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { pushable } from '@chatkit/stream';
import type { EventSink } from './response-context.ts';

export interface EventQueue extends EventSink {
  /** To be read once. The reader calls `took()` for each event, which saves every token one layer of iteration. */
  readonly events: AsyncIterable<ThreadStreamEvent>;
  took(): void;
  end(): void;
  /** Fails the reader after the queued events. */
  fail(error: unknown): void;
  /** The reader has stopped: ends all waits. */
  close(): void;
}

/** A queue for one run. */
export const createEventQueue = (capacity: number): EventQueue => {
  const queue = pushable<ThreadStreamEvent>({ capacity: Number.POSITIVE_INFINITY });
  let waiting = 0;
  let room: { readonly promise: Promise<void>; readonly open: () => void } | undefined;
  const release = (): void => {
    room?.open();
    room = undefined;
  };
  return {
    push(event) {
      waiting += 1;
      queue.push(event);
    },
    ready() {
      if (waiting < capacity || queue.isOver) return undefined;
      room ??= createRoom();
      return room.promise;
    },
    end: () => queue.end(),
    fail: (error) => queue.fail(error),
    events: queue,
    took() {
      waiting -= 1;
      if (waiting <= capacity / 2) release();
    },
    close: release,
  };
};

const createRoom = () => {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};
