/**
 * `fromEvents`: the events of an `EventTarget` or `EventEmitter` as a stream.
 */

import { outlet } from './engine/outlet.ts';
import { pushQueue } from './engine/push-queue.ts';
import type { Overflow } from './overflow.ts';
import type { Stream } from './stream.ts';

type Listener = (...args: unknown[]) => void;

/** An `EventTarget`, or anything of that shape. */
export interface EventTargetLike {
  addEventListener(name: string, listener: Listener): void;
  removeEventListener(name: string, listener: Listener): void;
}

/** Node's `EventEmitter`, or anything of that shape. */
export interface EventEmitterLike {
  on(name: string, listener: Listener): unknown;
  off(name: string, listener: Listener): unknown;
}

/** Options of `fromEvents`. */
export interface FromEventsOptions<T> {
  /** The name of the event that ends the stream. */
  end?: string | undefined;
  /** The name of the event that fails the stream; its first argument is the error. */
  error?: string | undefined;
  /** Makes an item from the event's arguments. Default: the first argument. */
  item?: ((...args: never[]) => T) | undefined;
  /** How many events may wait for the reader, at least 1. Default 1024. */
  capacity?: number | undefined;
  /** What to do with an event when the queue is full; emitters cannot be held back. Default `'error'`. */
  overflow?: Overflow | undefined;
  /** Called with each item that is lost. */
  onDrop?: ((item: T) => void) | undefined;
}

/**
 * Every event `name` of `target`. The listeners are attached at the first `next()`, so earlier events are not seen, and
 * removed however the stream ends. If `item` throws, the stream fails and the emitter does not notice.
 *
 * @example
 * const messages = fromEvents<MessageEvent>(socket, 'message', { end: 'close', error: 'error' });
 * for await (const event of messages) handle(event);
 */
export function fromEvents<T>(
  target: EventTargetLike | EventEmitterLike,
  name: string,
  options: FromEventsOptions<T> = {},
): Stream<T> {
  const toItem = (options.item ?? ((first: T) => first)) as (...args: unknown[]) => T;
  /** An error in one of the user's functions fails the stream; it must not reach the emitter. */
  const attempt = (act: () => void): void => {
    try {
      act();
    } catch (error) {
      writer.fail(error);
    }
  };
  const listeners = (
    [
      [name, (...args) => attempt(() => writer.push(toItem(...args)))],
      [options.end, () => writer.end()],
      [options.error, (error) => writer.fail(error)],
    ] as [name: string, listener: Listener][]
  ).filter(([event]) => event !== undefined);
  const either = target as EventTargetLike & EventEmitterLike;
  const add = either.addEventListener ?? either.on;
  const remove = either.removeEventListener ?? either.off;
  let isAttached = false;

  const forAll = (change: typeof add): void => {
    for (const each of listeners) change.apply(target, each);
  };
  const detach = (): void => forAll(remove);

  const { stage, writer } = pushQueue<T>({
    ...options,
    onPull() {
      if (isAttached) return;
      isAttached = true;
      attempt(() => forAll(add));
      if (writer.isOver) detach(); // it ended while they were being attached
    },
    onOver: detach,
  });
  return outlet(stage);
}
