import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

/** Closer than this to the end counts as being there. */
const NEAR_PX = 48;

interface StickToBottom {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  atBottom: boolean;
  jump: () => void;
}

/** Follows growing content while the reader is at its end, and leaves the reader alone otherwise. */
export const useStickToBottom = (): StickToBottom => {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const [atBottom, setAtBottom] = useState(true);

  const jump = useCallback(() => {
    following.current = true;
    setAtBottom(true);
    const box = scroller.current;
    if (box !== null) box.scrollTop = box.scrollHeight;
  }, []);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (box === null || inner === null) return;
    let lastTop = box.scrollTop;
    const onScroll = () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
      // Growing content moves the end away without a scroll upwards; only the reader scrolls up.
      if (near) following.current = true;
      else if (box.scrollTop < lastTop - 1) following.current = false;
      lastTop = box.scrollTop;
      setAtBottom(near || following.current);
    };
    const observer = new ResizeObserver(() => {
      if (following.current) box.scrollTop = box.scrollHeight;
      else setAtBottom(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX);
    });
    observer.observe(inner);
    observer.observe(box);
    box.addEventListener('scroll', onScroll, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener('scroll', onScroll);
    };
  }, []);

  return { scroller, content, atBottom, jump };
};
