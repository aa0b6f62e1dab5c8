/** The client's interfaces to its environment, the clock and the page's events, so that tests can replace them. */
import type { Clock } from '@chatkit/stream';

export type { Clock };

/** What a page can report about itself and its network. */
export type PageSignal = 'online' | 'visible' | 'hidden' | 'left' | 'restored';

/** Where a page's signals come from. */
export interface PageEvents {
  /** Calls `listener` at every signal until the returned function is called. */
  listen(listener: (signal: PageSignal) => void): () => void;
}

/** The machine's clock. Wall time, because time asleep must count; a jump backwards only delays a deadline. */
export const wallClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as number),
};

/** The events of the page that this code runs in. Outside a page: none. */
export const browserPageEvents: PageEvents = {
  listen(listener) {
    if (typeof window === 'undefined' || typeof document === 'undefined') return () => {};
    const over = new AbortController();
    const on = (target: EventTarget, type: string, handle: (event: Event) => void) =>
      target.addEventListener(type, handle, over);
    on(window, 'online', () => listener('online'));
    on(document, 'visibilitychange', () => listener(document.visibilityState === 'hidden' ? 'hidden' : 'visible'));
    // A visible page may be frozen too, and this is the last event that it gets.
    on(document, 'freeze', () => listener('hidden'));
    on(document, 'resume', () => listener('visible'));
    on(window, 'pagehide', () => listener('left'));
    // Every load fires `pageshow`, but only a page restored from the back/forward cache has a connection to resume.
    on(window, 'pageshow', (event) => {
      if ((event as PageTransitionEvent).persisted) listener('restored');
    });
    return () => over.abort();
  },
};
