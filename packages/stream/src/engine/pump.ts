/**
 * The stage that most operators are made of. It reads one upstream, at its own pace: when the reader asks, ahead of it, or
 * past an answer that a timer has given in its place. What it hands out goes to the waiting reader in the same call,
 * else into a queue that the next pulls empty by the chunk.
 */

import { Fifo } from './fifo.ts';
import {
  afterCleanup,
  type Cleanup,
  type Failure,
  ignoreCleanup,
  MAX_CHUNK,
  SILENT,
  type Sink,
  type Stage,
} from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

/** What an operator adds to the pump. */
export interface PumpHooks<I, O> {
  /** The bound that the operator keeps, by `held`. Half of it may leave in one chunk, so that the rest can be refilled. */
  capacity?: number;
  /** Whether to read on now. Default: while the reader waits. */
  wantsMore?(): boolean;
  /** Takes an item of the upstream in. If it throws, the stream fails. Default: `takeAll`, else hands it out. */
  take?(item: I): void;
  /** Takes a chunk in. Default: `take` for each of its items, else hands it out. */
  takeAll?(chunk: I[]): void;
  /** Called with each pull, before it is served. */
  onPull?: (() => void) | undefined;
  /** Called after each pull and each answer of the upstream: the place to hand out what has become due. */
  onTurn?(): void;
  /**
   * The upstream is over, and the stream is about to be: the place to hand out what is still held. If it returns `true`,
   * the operator calls `finish` itself, later.
   */
  onSourceOver?(failure?: Failure): unknown;
  /** Called on every ending, at least once: the place to give back timers and listeners. */
  onOver?(): void;
  /** What waits for the reader, where it is more than a queue of the pump's own. */
  queue?: Queue<O>;
}

/** Where a pump puts what the reader does not wait for. */
export type Queue<O> = Pick<Fifo<O>, 'size' | 'push' | 'take' | 'clear'>;

export interface Pump<O> extends Stage<O> {
  /** Whether a pull is open and there is nothing at hand for it. */
  isWaited(): boolean;
  /** How many items wait, those lent to the reader included. */
  held(): number;
  /** No more items are taken; the reader may still have some to read. */
  isEnded(): boolean;
  /** Hands the item out, or queues it. */
  offer(item: O): void;
  /** Gives the chunk away. */
  offerAll(chunk: O[]): void;
  /** Serves the reader and reads the upstream, as far as possible. Needed after changes from outside, as by a timer. */
  run(): void;
  /** Ends the stream behind what is queued. Only the first call counts. */
  finish(failure?: Failure): void;
  /** Ends the stream from this stage: once the idle upstream has been cleaned up, with `last` and behind what is queued. */
  endEarly(failure?: Failure, last?: O[]): void;
  /** Ends the stream at once, behind what is queued. The cleanup is started and not waited for. */
  endNow(failure?: Failure): void;
}

export function pump<I, O>(upstream: Stage<I>, hooks: PumpHooks<I, O>): Pump<O> {
  const { capacity = Number.POSITIVE_INFINITY, queue = new Fifo<O>(), onPull, onTurn, onOver, onSourceOver } = hooks;
  const maxChunk = Math.min(MAX_CHUNK, Math.ceil(capacity / 2) || 1);
  let sink: Sink<O> = SILENT; // the open pull's
  let ending: { failure: Failure | undefined } | undefined;
  let isOpen = false; // a pull on the upstream has not been answered
  let isSourceOver = false;
  let isRunning = false;
  let isTurnDue = false;
  // How many items of the last chunk the reader has not come to yet, as far as can be known: all but the first, until
  // it pulls again. They count as held, so that handing out chunks does not double the bound.
  let lent = 0;

  /** The open pull's sink, which is let go, because it may pull again before the answer returns. */
  const letGo = (): Sink<O> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  const give = (chunk: O[]): void => {
    lent = chunk.length - 1;
    letGo().items(chunk);
  };

  const isWaited = (): boolean => sink !== SILENT && queue.size === 0;

  const { wantsMore = isWaited } = hooks;

  /** A loop, because the upstream may answer inside `pull`, and the reader pull inside the answer. */
  const run = (): void => {
    isTurnDue = true;
    if (isRunning) return;
    isRunning = true;
    try {
      for (;;) {
        if (isTurnDue) {
          isTurnDue = false;
          onTurn?.();
        }
        if (sink !== SILENT && (ending || queue.size > 0)) {
          const count = Math.min(queue.size, maxChunk);
          if (count > 0 && isOverBudget(count)) {
            // As if the reader had asked a turn later: what arrives until then queues up behind what is there.
            return inNextTurn(() => {
              isRunning = false;
              run();
            });
          }
          isTurnDue = true;
          if (count > 0) give(queue.take(count));
          else letGo().end(ending?.failure);
        } else if (!isOpen && !isSourceOver && !ending && wantsMore()) {
          isOpen = true;
          upstream.pull(self);
        } else if (!isTurnDue) break;
      }
      isRunning = false;
    } catch (error) {
      isRunning = false;
      ending = undefined; // if there is one, it would have come later
      endEarly({ error });
    }
  };

  const offer = (item: O): void => {
    if (ending) return;
    if (isWaited()) letGo().item(item);
    else queue.push(item);
  };

  const offerAll = (chunk: O[]): void => {
    if (ending) return;
    if (isWaited() && chunk.length > 0 && chunk.length <= MAX_CHUNK) give(chunk);
    else for (const item of chunk) queue.push(item);
  };

  const finish = (failure?: Failure): void => {
    if (ending) return;
    ending = { failure };
    onOver?.();
    run();
  };

  const closeSource = (): Cleanup => {
    isSourceOver = true;
    return upstream.close();
  };

  const endEarly = (failure?: Failure, last: O[] = []): void =>
    afterCleanup(closeSource(), (ofCleanup) => {
      offerAll(last);
      finish(failure ?? ofCleanup);
    });

  const { takeAll, take = takeAll ? (item: I) => takeAll([item]) : (offer as unknown as (item: I) => void) } = hooks;
  const takeEach = (chunk: I[]): void => {
    for (const item of chunk) take(item);
  };

  /** Takes in what the upstream has answered, then goes on. */
  const answered = <V>(act: (value: V) => void, value: V): void => {
    isOpen = false;
    if (ending) return;
    try {
      act(value);
    } catch (error) {
      endEarly({ error });
    }
    run();
  };

  const self: Sink<I> = {
    item: (item) => answered(take, item),
    items: (chunk) => answered(takeAll ?? (hooks.take ? takeEach : (offerAll as never)), chunk),
    end(failure) {
      if (isSourceOver) return;
      isSourceOver = true;
      if (ending) return;
      try {
        if (onSourceOver?.(failure) === true) return;
      } catch (error) {
        failure = { error };
      }
      finish(failure);
    },
  };

  return {
    isWaited,
    held: () => queue.size + lent,
    isEnded: () => ending !== undefined,
    offer,
    offerAll,
    run,
    finish,
    endEarly,
    endNow(failure) {
      ignoreCleanup(closeSource());
      finish(failure);
    },
    pull(to) {
      sink = to;
      lent = 0;
      onPull?.();
      run();
    },
    close() {
      ending = { failure: undefined };
      onOver?.();
      const cleanup = closeSource();
      queue.clear();
      letGo().end();
      return cleanup;
    },
  };
}
