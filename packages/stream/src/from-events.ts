/**
 * The events of an emitter as a stream.
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
  /** The event that ends the stream. */
  end?: string;
  /** The event that fails the stream, with its first argument. */
  error?: string;
  /** Makes the item of an event's arguments. Default: the first of them. */
  item?: (...args: never[]) => T;
  /** How many events may wait for the reader. Default 1024. */
  capacity?: number;
  /** What an event does that there is no room for; emitters cannot be held back. Default `'error'`. */
  overflow?: Overflow;
  /** Called with each item that is lost. */
  onDrop?: (item: T) => void;
}

/**
 * Every event `name` of `target`. The listeners are attached with the first `next()` and removed on every ending. Events
 * before that are not seen. What `item` throws fails the stream, not the emitter.
 *
 * @example
 * for await (const event of fromEvents<MessageEvent>(socket, 'message', { end: 'close', error: 'error' })) handle(event);
 */
export function fromEvents<T>(
  target: EventTargetLike | EventEmitterLike,
  name: string,
  options: FromEventsOptions<T> = {},
): Stream<T> {
  const toItem = (options.item ?? ((first: T) => first)) as (...args: unknown[]) => T;
  /** An error of the user's functions belongs to the stream, not to the emitter. */
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
  const { addEventListener, on, removeEventListener, off } = target as EventTargetLike & EventEmitterLike;
  const add = addEventListener ?? on;
  const remove = removeEventListener ?? off;
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
      if (writer.isOver) detach(); // while they were being attached
    },
    onOver: detach,
  });
  return outlet(stage);
}
