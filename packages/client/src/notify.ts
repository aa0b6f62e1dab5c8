/**
 * Notifies subscribers of state changes, at most once per animation frame (step 8 of the path of a token). Between
 * notifications the snapshot does not change, so one render never sees two states. Changes caused by the user (send,
 * stop) are announced at once.
 */

import { mustBe } from './must.ts';

/** Calls `flush` once, soon. Returns a function that cancels the call. */
export type Scheduler = (flush: () => void) => () => void;

/** A state that can be subscribed to, in the form that `useSyncExternalStore` and other frameworks' bindings expect. */
export interface Notifier<S> {
  /** The state as of the last notification. The same object until the next one. */
  getSnapshot(): S;
  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void;
  /** The state changed: notify with the next frame. */
  changed(): void;
  /** Notify now. Does nothing if nothing changed. */
  flush(): void;
}

/**
 * Makes a notifier over `read`, which returns the current state, and the same object while nothing changed.
 *
 * @example
 * const notifier = createNotifier(() => state, frameScheduler);
 * notifier.subscribe(() => render(notifier.getSnapshot()));
 */
export const createNotifier = <S>(read: () => S, schedule: Scheduler): Notifier<S> => {
  const listeners = new Set<() => void>();
  let told = read();
  let isDue = false;
  let cancel: (() => void) | undefined;

  const flush = (): void => {
    isDue = false;
    cancel?.();
    cancel = undefined;
    const current = read();
    if (current === told) return;
    told = current;
    for (const listener of [...listeners]) {
      try {
        // An earlier listener may have unsubscribed this one.
        if (listeners.has(listener)) listener();
      } catch (error) {
        // A broken subscriber must not stop the others or the stream.
        reportLater(error);
      }
    }
  };

  return {
    getSnapshot: () => told,
    subscribe(listener) {
      mustBe('a function', 'listener', listener);
      // Wrapped, so that a function subscribed twice is called twice, and unsubscribed one at a time.
      const entry = () => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    changed() {
      if (isDue) return;
      isDue = true;
      const takeBack = schedule(flush);
      // A scheduler may flush synchronously.
      if (isDue) cancel = takeBack;
    },
    flush,
  };
};

/** Rethrows in a microtask: the runtime reports the error as uncaught, and no code of ours is interrupted. */
export const reportLater = (error: unknown): void => {
  queueMicrotask(() => {
    throw error;
  });
};

/** The delay in a hidden tab: nothing paints there, but a title or a sound may depend on the state. */
const hiddenMs = 100;

/**
 * Flushes with the next animation frame of a visible page; elsewhere (a hidden tab, a worker, a server) by a timer. If
 * a tab is hidden after a frame was requested, no frame comes, so the timer always runs as well.
 */
export const frameScheduler: Scheduler = (flush) => {
  const isVisible = typeof document !== 'undefined' && document.visibilityState === 'visible';
  const timer = setTimeout(run, typeof document === 'undefined' ? 16 : hiddenMs);
  const frame = isVisible && typeof requestAnimationFrame === 'function' ? requestAnimationFrame(run) : undefined;
  function cancel() {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame(frame);
  }
  function run() {
    cancel();
    flush();
  }
  return cancel;
};
