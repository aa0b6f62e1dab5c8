/** What the client takes from its surroundings: time, chance, and what the page tells. Tests hand in their own. */
import type { Clock } from '@chatkit/stream';

export type { Clock };

/** What a page can tell about itself and its network. */
export type PageSignal = 'online' | 'visible' | 'hidden' | 'left' | 'restored';

/** Where a page's signals come from. */
export interface PageEvents {
  /** Calls `listener` at every signal until the returned function is called. */
  listen(listener: (signal: PageSignal) => void): () => void;
}

/** The machine's clock. Wall time, because time that a laptop slept must count; a jump back only delays a deadline. */
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
    // A page may be frozen while it is seen, too; this is the last that it hears.
    on(document, 'freeze', () => listener('hidden'));
    on(document, 'resume', () => listener('visible'));
    on(window, 'pagehide', () => listener('left'));
    // Every load ends in a `pageshow`; only one out of the back/forward cache finds a connection to take up again.
    on(window, 'pageshow', (event) => {
      if ((event as PageTransitionEvent).persisted) listener('restored');
    });
    return () => over.abort();
  },
};
