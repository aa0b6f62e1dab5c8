/**
 * Verb 8 of the path of a token: notify. State changes as often as it likes; subscribers hear of it at most once a frame,
 * and what they read does not change in between, so a render never sees two states. What the user did (sent, stopped) is
 * told at once.
 */

/** Calls `flush` once, soon. Returns a function that takes the call back. */
export type Scheduler = (flush: () => void) => () => void;

/** A state that can be subscribed to. `useSyncExternalStore` and every other framework's binding fit it. */
export interface Notifier<S> {
  /** The state as subscribers were last told. The same object until they are told again. */
  getSnapshot(): S;
  /** Calls `listener` after every change until the returned function is called. */
  subscribe(listener: () => void): () => void;
  /** The state changed: tell it with the next frame. */
  changed(): void;
  /** Tell it now. Does nothing when nothing changed. */
  flush(): void;
}

/**
 * A notifier over `read`, which gives the current state and must give the same object while nothing changed.
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
        // One that was told before may have taken this one back.
        if (listeners.has(listener)) listener();
      } catch (error) {
        // One broken subscriber must not keep the others, or the stream, from going on.
        reportLater(error);
      }
    }
  };

  return {
    getSnapshot: () => told,
    subscribe(listener) {
      // Wrapped, so that the same function subscribed twice is told twice and taken back one at a time.
      const entry = () => listener();
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    changed() {
      if (isDue) return;
      isDue = true;
      const takeBack = schedule(flush);
      // A scheduler may flush at once.
      if (isDue) cancel = takeBack;
    },
    flush,
  };
};

/** Throws where the runtime reports what nobody caught, and nothing of ours is interrupted. */
export const reportLater = (error: unknown): void => {
  queueMicrotask(() => {
    throw error;
  });
};

/** Nothing paints in a hidden tab, but a title or a sound may depend on the state. */
const hiddenMs = 100;

/**
 * The next frame of a visible page; elsewhere (a hidden tab, a worker, a server) a timer. A tab may be hidden after a
 * frame was asked for, and then no frame comes, so the timer runs beside it.
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
