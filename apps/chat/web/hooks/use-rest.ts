import { type RefObject, useEffect, useRef } from 'react';

/**
 * Marks an element with `data-rest` once it has been laid out as it will stay, for `content-visibility: auto`: the
 * browser then knows its height while it skips its contents, and nothing moves when the reader comes back to it.
 */
export const useRest = <Box extends HTMLElement>(isWhole: boolean): RefObject<Box | null> => {
  const ref = useRef<Box>(null);
  useEffect(() => {
    const box = ref.current;
    if (box === null || !isWhole) return;
    let frame = 0;
    const observer = new ResizeObserver(() => {
      observer.disconnect();
      // The browser notes the height in the frame in which it tells of it.
      frame = requestAnimationFrame(() => box.toggleAttribute('data-rest', true));
    });
    observer.observe(box);
    return () => {
      observer.disconnect();
      cancelAnimationFrame(frame);
      box.removeAttribute('data-rest');
    };
  }, [isWhole]);
  return ref;
};
