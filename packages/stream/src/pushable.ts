/**
 * `pushable`: a stream that you write to yourself, the bridge from callbacks to pipelines.
 */

import { outlet } from './engine/outlet.ts';
import { pushQueue } from './engine/push-queue.ts';
import type { Overflow } from './overflow.ts';
import type { Stream } from './stream.ts';

/** Options of `pushable`. */
export interface PushableOptions<T> {
  /** How many items may wait for the reader, at least 1. Default 1024. `Infinity` removes the bound. */
  capacity?: number | undefined;
  /** What a push to a full queue does. Default `'error'`. */
  overflow?: Overflow | undefined;
  /** Called with each item dropped by `'drop-oldest'` or `'drop-newest'`. */
  onDrop?: ((item: T) => void) | undefined;
  /** Called once when the reader closes the stream; the reader's `return()` waits for its promise. */
  onClose?: (() => void | PromiseLike<void>) | undefined;
}

/** A stream together with its writing end. */
export interface Pushable<T> extends Stream<T> {
  /**
   * Hands an item to the reader. False means: stop, and wait for `ready()` before the next push. The item itself was
   * accepted, unless the stream is already over or an earlier push had returned false too; see `overflow`.
   */
  push(item: T): boolean;
  /**
   * Hands over several items as one chunk. If the queue has any room the chunk is accepted whole, so the bound is
   * capacity + chunk.
   */
  pushMany(items: Iterable<T>): boolean;
  /** Resolves when there is room: true to continue, false if the stream is over. Never rejects. */
  ready(): Promise<boolean>;
  /** Ends the stream after the queued items. */
  end(): void;
  /** Fails the stream after the queued items. If nobody reads the stream, the error goes unnoticed. */
  fail(error: unknown): void;
  /** Whether pushing is pointless: the stream has ended, failed or been closed by the reader. */
  readonly isOver: boolean;
  /** How many items wait for the reader. */
  readonly size: number;
  /** How many items `overflow` has dropped. */
  readonly dropped: number;
}

/**
 * A queue that can be read as a stream. A waiting reader gets the item inside the call of `push`, with no microtask in
 * between. When the reader closes the stream, `isOver` becomes true, `ready()` resolves to false and pushes do nothing.
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
