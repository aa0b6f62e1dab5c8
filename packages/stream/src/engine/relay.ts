/**
 * The stage with one upstream that answers a pull with what the upstream answers, changed in some way. It can end a
 * stream early: close the upstream, hand out what is held, then end or fail.
 */

import { afterCleanup, type Cleanup, type Failure, ignoreCleanup, SILENT, type Sink, type Stage } from './stage.ts';

/** What an operator adds to the relay. */
export interface RelayHooks<I> {
  /** Called with each pull that is about to be passed up. */
  onPull?(): void;
  /** What becomes of an item. Default: it is passed on. */
  item?(value: I): void;
  /** What becomes of a chunk. Default: it is passed on. */
  items?(chunk: I[]): void;
  /** Called on every ending, at least once: the place to give back timers and listeners. */
  onOver?(): void;
}

export interface Relay<O> extends Stage<O> {
  /** Answers the open pull with an item. */
  item(value: O): void;
  /** Answers the open pull with a chunk. */
  items(chunk: O[]): void;
  /** Asks the upstream again, because its answer left nothing to hand out. */
  again(): void;
  /** Whether the stream has ended or was closed. */
  isOver(): boolean;
  /** Calls `then` in place of passing the next pull up. */
  instead(then: () => void): void;
  /** Calls `then` when a pull is open: now, or in place of passing the next one up. */
  whenAsked(then: () => void): void;
  /** Ends the stream at once. The cleanup is started and not waited for: the upstream may be stuck. */
  endNow(failure?: Failure): void;
  /** Closes the upstream, hands out `held`, then ends. An error of the cleanup surfaces only where there is no other. */
  endEarly(held: O[], failure?: Failure): void;
}

export function relay<I, O>(upstream: Stage<I>, define: (out: Relay<O>) => RelayHooks<I>): Relay<O> {
  let sink: Sink<O> = SILENT; // the open pull's
  let resume: (() => void) | undefined;
  let isOver = false;

  /** Lets the sink go before it is answered, because it may pull again before the answer returns. */
  const letGo = (): Sink<O> => {
    const to = sink;
    sink = SILENT;
    return to;
  };

  const close = (): Cleanup => {
    isOver = true;
    hooks.onOver?.();
    return upstream.close();
  };

  const out: Relay<O> = {
    pull(to) {
      sink = to;
      if (resume) return out.again();
      hooks.onPull?.();
      if (isOver) letGo().end();
      else upstream.pull(self);
    },
    close() {
      resume = undefined;
      const cleanup = close();
      letGo().end();
      return cleanup;
    },
    item: (value) => letGo().item(value),
    items: (chunk) => letGo().items(chunk),
    again() {
      if (!resume) return upstream.pull(self);
      const goOn = resume;
      resume = undefined;
      goOn();
    },
    isOver: () => isOver,
    instead(then) {
      resume = then;
    },
    whenAsked(then) {
      if (sink === SILENT) resume = then;
      else then();
    },
    endNow(failure) {
      if (isOver) return;
      ignoreCleanup(close());
      out.whenAsked(() => letGo().end(failure));
    },
    endEarly(held, failure) {
      afterCleanup(close(), (ofCleanup) => {
        const end = () => letGo().end(failure ?? ofCleanup);
        if (held.length > 0) {
          resume = end;
          out.items(held);
        } else out.whenAsked(end);
      });
    },
  };

  const hooks = define(out);
  const self: Sink<I> = {
    item: hooks.item ?? (out.item as unknown as Sink<I>['item']),
    items: hooks.items ?? (out.items as unknown as Sink<I>['items']),
    end(failure) {
      if (isOver) return;
      isOver = true;
      hooks.onOver?.();
      letGo().end(failure);
    },
  };
  return out;
}
