/**
 * A stream that is written from outside: the bridge from callbacks to pipelines.
 */

import { outlet } from './engine/outlet.ts';
import { pushQueue } from './engine/push-queue.ts';
import type { Overflow } from './overflow.ts';
import type { Stream } from './stream.ts';

/** Options of `pushable`. */
export interface PushableOptions<T> {
  /** How many items may wait for the reader. Default 1024; `Infinity` is allowed and means what it says. */
  capacity?: number;
  /** What a push into a full queue does. Default `'error'`. */
  overflow?: Overflow;
  /** Called with each item that is lost to `'drop-oldest'` or `'drop-newest'`. */
  onDrop?: (item: T) => void;
  /** Called once when the reader closes the stream; what it returns is awaited by the reader's `return()`. */
  onClose?: () => void | PromiseLike<void>;
}

/** A stream with the means to write it. */
export interface Pushable<T> extends Stream<T> {
  /**
   * Hands an item to the reader. False means: hold on, and wait for `ready()` before the next. The item itself was
   * taken, unless the stream is over already or a push before it had returned false, too; see `overflow`.
   */
  push(item: T): boolean;
  /** Hands over several items as one chunk. Taken whole if the queue is not full, so the bound is capacity + chunk. */
  pushMany(items: Iterable<T>): boolean;
  /** Resolves when there is room: true to go on, false if the stream is over. Never rejects. */
  ready(): Promise<boolean>;
  /** Ends the stream behind what is queued. */
  end(): void;
  /** Fails the stream behind what is queued. Dies silently if nobody reads it. */
  fail(error: unknown): void;
  /** Whether pushes are pointless: ended, failed or closed by the reader. */
  readonly isOver: boolean;
  /** How many items wait for the reader. */
  readonly size: number;
  /** How many items were lost to `overflow`. */
  readonly dropped: number;
}

/**
 * A queue with a stream at its other end. A waiting reader gets the item within the call of `push`, without a tick.
 * When the reader closes the stream, `isOver` turns true, `ready()` resolves to false and pushes do nothing.
 *
 * @example
 * const lines = pushable<string>({ capacity: 100, onClose: () => socket.close() });
 * socket.onmessage = ({ data }) => lines.push(data) || socket.pause();
 * socket.onclose = () => lines.end();
 */
export function pushable<T>(options: PushableOptions<T> = {}): Pushable<T> {
  const { stage, writer } = pushQueue(options);
  return Object.defineProperties(outlet(stage), Object.getOwnPropertyDescriptors(writer)) as Pushable<T>;
}
