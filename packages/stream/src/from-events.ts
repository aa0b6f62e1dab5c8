/**
 * The events of an emitter as a stream.
 */

import { Outlet } from './engine/outlet.ts';
import type { Overflow } from './overflow.ts';
import { PushQueue } from './pushable.ts';
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
 * before that are not seen.
 *
 * @example
 * for await (const event of fromEvents<MessageEvent>(socket, 'message', { end: 'close', error: 'error' })) handle(event);
 */
export function fromEvents<T>(
  target: EventTargetLike | EventEmitterLike,
  name: string,
  options: FromEventsOptions<T> = {},
): Stream<T> {
  return new Outlet(new EventQueue<T>(target, name, options));
}

class EventQueue<T> extends PushQueue<T> {
  private readonly target: EventTargetLike | EventEmitterLike;
  private readonly listeners: [name: string, listener: Listener][];
  private isAttached = false;

  constructor(target: EventTargetLike | EventEmitterLike, name: string, options: FromEventsOptions<T>) {
    super(options);
    this.target = target;
    const toItem = (options.item ?? ((first: T) => first)) as (...args: unknown[]) => T;
    this.listeners = [[name, (...args) => void this.push(toItem(...args))]];
    if (options.end !== undefined) this.listeners.push([options.end, () => this.end('done')]);
    if (options.error !== undefined) this.listeners.push([options.error, (error) => this.end({ error })]);
  }

  protected override onPull(): void {
    super.onPull();
    if (this.isAttached || this.isEnded) return;
    this.isAttached = true;
    const { target } = this;
    for (const [name, listener] of this.listeners) {
      if ('addEventListener' in target) target.addEventListener(name, listener);
      else target.on(name, listener);
    }
  }

  protected override onOver(): void {
    super.onOver();
    if (!this.isAttached) return;
    const { target } = this;
    for (const [name, listener] of this.listeners) {
      if ('removeEventListener' in target) target.removeEventListener(name, listener);
      else target.off(name, listener);
    }
  }
}
