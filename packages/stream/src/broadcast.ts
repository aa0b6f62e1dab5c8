/// <reference lib="esnext.disposable" preserve="true" />
/**
 * `broadcast`: shares one source among any number of readers that come and go.
 */

import { Hub } from './engine/hub.ts';
import { stageOf } from './engine/inlet.ts';
import { asyncDispose, outlet } from './engine/outlet.ts';
import type { Source, Stream } from './stream.ts';

/**
 * What happens to a reader that is more than `capacity` items behind:
 * - `'block'`: the source waits for it, and so do the other readers
 * - `'skip'`: it loses its oldest unread items; the result of `lagged` is delivered in their place
 * - `'disconnect'`: its stream fails with a `LaggedError`
 */
export type SlowReader = 'block' | 'skip' | 'disconnect';

/** Options of `broadcast`. */
export interface BroadcastOptions {
  /** How far a reader may fall behind the source, in items; at least 1. Default 1024. */
  capacity?: number | undefined;
  /** How many of the latest items a new reader gets first. Default 0. */
  replay?: number | undefined;
  /** The policy for readers that do not set their own. Default `'block'`. */
  slow?: 'block' | 'disconnect' | undefined;
  /**
   * `'refcount'` (default): the source is read while there are readers and closed when the last has left.
   * `'detached'`: it is read from the start and goes on without readers, until it ends or the broadcast is closed.
   */
  source?: 'refcount' | 'detached' | undefined;
}

/** Options of one reader. */
export type SubscribeOptions<L> = {
  /**
   * The number of the first item wanted, counted from 0 at the start of the broadcast; also 0 if it is negative or
   * `NaN`. Default: see `replay`.
   */
  from?: number | undefined;
} & ({ slow?: 'block' | 'disconnect' | undefined } | { slow: 'skip'; lagged: (missed: number) => L });

/** A source that can be subscribed to. */
export interface Broadcast<T> extends AsyncDisposable {
  /**
   * A new stream of the items, from now on or from `from`. After the source has ended, it delivers what is still kept
   * and ends the same way.
   */
  subscribe<L = never>(options?: SubscribeOptions<L>): Stream<T | L>;
  /** How many items have come from the source, which is also the number of the next one. */
  readonly count: number;
  /** How many readers are subscribed. */
  readonly readers: number;
  /** Closes the source; every reader ends after the items already kept for it. */
  close(): Promise<void>;
}

/**
 * Reads `source` once for any number of readers, each at its own pace. The newest items are kept in one shared queue:
 * as many as the slowest reader still needs, at most `capacity`, and at least `replay`. An error reaches each reader
 * after the items before it. How the source ended is remembered for readers that subscribe later.
 *
 * @example
 * const run = broadcast(events, { replay: 1000, slow: 'disconnect', source: 'detached' });
 * for await (const event of run.subscribe({ from: lastEventId + 1 })) send(event);
 */
export function broadcast<T>(source: Source<T>, options: BroadcastOptions = {}): Broadcast<T> {
  const hub = new Hub(stageOf(source), options);
  const close = async (): Promise<void> => hub.close();
  return {
    subscribe: (subscription = {}) => outlet(hub._subscribe(subscription)),
    get count() {
      return hub._count;
    },
    get readers() {
      return hub._readers.length;
    },
    close,
    [asyncDispose]: close,
  };
}
