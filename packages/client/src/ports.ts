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

/** By how much the time of day is ahead of the monotonic clock, which may stand still while the machine sleeps. */
let ahead = Number.NEGATIVE_INFINITY;
/** How far the time of day has been set back, all in all. */
let setBack = 0;

/**
 * The machine's clock, which does not go back and counts time asleep. A time of day that is set back has no effect; one
 * that is set forward cannot be told from sleep. Less than a second either way is rounding, or a clock that is adjusted.
 */
export const pageClock: Clock = {
  now() {
    const steady = performance.now();
    const lead = Date.now() - steady;
    if (lead < ahead - 1_000) {
      setBack += ahead - lead;
      ahead = lead;
    } else ahead = Math.max(ahead, lead);
    return steady + ahead + setBack;
  },
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
