import { type RefObject, useCallback, useLayoutEffect, useRef } from 'react';

/**
 * Keeps what is being read where it is when something is put in front of it: a browser does so by itself only where the
 * reader is not at the very top, and Safari nowhere. The returned function is called before that is asked for.
 *
 * @param first What the content begins with; when this changes, something was put in front.
 */
export const useKeptPlace = (scroller: RefObject<HTMLElement | null>, first: string | undefined): (() => void) => {
  const kept = useRef<{ readonly element: Element; readonly top: number }>(undefined);

  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the change that counts
  useLayoutEffect(() => {
    const box = scroller.current;
    const { element, top } = kept.current ?? {};
    kept.current = undefined;
    if (box === null || top === undefined || !element?.isConnected) return;
    box.scrollTop += element.getBoundingClientRect().top - top;
    // The focus was on a button that may be gone.
    if (document.activeElement === document.body) box.focus({ preventScroll: true });
  }, [first, scroller]);

  return useCallback(() => {
    const element = scroller.current?.querySelector('article');
    kept.current = element ? { element, top: element.getBoundingClientRect().top } : undefined;
  }, [scroller]);
};
