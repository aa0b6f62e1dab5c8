/**
 * The stage whose items arrive on their own, whether or not anybody waits: pushed by the user, read ahead, or let out by
 * a timer. Items go to the waiting reader in the same call, else into a queue that the next pull empties by the chunk.
 */

import { Fifo } from './fifo.ts';
import { type Cleanup, type Failure, SILENT, type Sink, type Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

/** What an operator adds to the queue. */
export interface QueueHooks<T> {
  /** The bound that the operator keeps, by `held`. Half of it may leave in one chunk, so that the rest can be refilled. */
  capacity?: number;
  /** Called with each pull, before it is served. */
  onPull?(): void;
  /** Called after pulls have been served. If `isWaited`, there was nothing at hand. */
  onPulled?(): void;
  /** Called on every ending, at least once: the place to give back timers and listeners. */
  onOver?(): void;
  /** Closes whatever the items come from. */
  closeSources?(): Cleanup;
  /** The next items to hand out, in place of the oldest `count`. */
  takeChunk?(count: number): T[];
}

export interface Queue<T> extends Stage<T> {
  readonly fifo: Fifo<T>;
  /** Whether a pull is open and there is nothing at hand for it. */
  isWaited(): boolean;
  /** How many items wait, those lent to the reader included. */
  held(): number;
  /** No more items are taken; the reader may still have some to read. */
  isEnded(): boolean;
  /** Hands the item out, or queues it. */
  offer(item: T): void;
  /** Gives the chunk away. */
  offerAll(chunk: T[]): void;
  /** Ends the stream behind what is queued. Only the first call counts. */
  finish(failure?: Failure): void;
  /** Answers an open pull from the queue. Only needed after items were put there by other means than `offer`. */
  serve(): void;
}

export function queue<T>(hooks: QueueHooks<T>): Queue<T> {
  const { capacity = Number.POSITIVE_INFINITY, onPull, onPulled, onOver, closeSources, takeChunk } = hooks;
  const maxChunk = Math.min(256, Math.ceil(capacity / 2) || 1);
  const fifo = new Fifo<T>();
  let sink: Sink<T> = SILENT;
  let ending: { failure: Failure | undefined } | undefined;
  let isServing = false;
  // How many items of the last chunk the reader has not come to yet, as far as can be known: all but the first, until
  // it pulls again. They count as held, so that handing out chunks does not double the bound.
  let lent = 0;

  /** The open pull's sink, which is let go, because it may pull again before the answer returns. */
  const letGo = (): Sink<T> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  const give = (chunk: T[]): void => {
    lent = chunk.length - 1;
    if (lent === 0) letGo().item(chunk[0] as T);
    else letGo().items(chunk);
  };

  /** Answers for as long as there is something at hand and the reader asks again. */
  const serve = (): void => {
    if (isServing) return;
    isServing = true;
    do {
      if (sink !== SILENT && fifo.size > 0) {
        if (isOverBudget(Math.min(fifo.size, maxChunk))) {
          // As if the reader had asked a turn later: what arrives until then queues up behind what is there.
          return inNextTurn(() => {
            isServing = false;
            serve();
          });
        }
        give(takeChunk ? takeChunk(maxChunk) : fifo.take(maxChunk));
      } else if (ending) letGo().end(ending.failure);
      onPulled?.();
    } while (sink !== SILENT && (fifo.size > 0 || ending));
    isServing = false;
  };

  return {
    fifo,
    isWaited: () => sink !== SILENT && fifo.size === 0,
    held: () => fifo.size + lent,
    isEnded: () => ending !== undefined,
    offer(item) {
      if (ending) return;
      if (sink !== SILENT && fifo.size === 0) letGo().item(item);
      else fifo.push(item);
    },
    offerAll(chunk) {
      if (ending || chunk.length === 0) return;
      if (sink !== SILENT && fifo.size === 0) give(chunk);
      else for (const item of chunk) fifo.push(item);
    },
    finish(failure) {
      if (ending) return;
      ending = { failure };
      onOver?.();
      if (fifo.size === 0) letGo().end(failure);
    },
    serve,
    pull(to) {
      sink = to;
      lent = 0;
      onPull?.();
      serve();
    },
    close() {
      ending = { failure: undefined };
      fifo.clear();
      onOver?.();
      const cleanup = closeSources?.();
      letGo().end();
      return cleanup;
    },
  };
}
