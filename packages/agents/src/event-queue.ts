/**
 * Where a run and its tools put their events, and the reader takes them. Nothing that was put in is lost or refused: a
 * tool that says something cannot be made to wait. Who can wait, the run and widgets that stream, waits while
 * `capacity` events are there, until half of them are taken.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { pushable } from '@chatkit/stream';
import type { EventSink } from './response-context.ts';

export interface EventQueue extends EventSink {
  /** Read once. The reader calls `took()` for each event: one layer of iteration less on the way of every token. */
  readonly events: AsyncIterable<ThreadStreamEvent>;
  took(): void;
  end(): void;
  /** Fails the reader behind what is queued. */
  fail(error: unknown): void;
  /** The reader has stopped: nobody waits any more. */
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
      if (room !== undefined && waiting <= capacity / 2) release();
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
