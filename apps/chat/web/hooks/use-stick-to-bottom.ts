import { type RefObject, useCallback, useEffect, useRef, useState } from 'react';

/** Closer than this to the end counts as being there. */
const NEAR_PX = 48;
/** What the box does this long after a wheel, a finger, a key or a pointer is the reader's doing. */
const HAND_MS = 1000;
const hands = ['wheel', 'touchmove', 'keydown', 'pointerdown'] as const;

interface StickToBottom {
  scroller: RefObject<HTMLDivElement | null>;
  content: RefObject<HTMLDivElement | null>;
  atBottom: boolean;
  jump: () => void;
}

/** Whether the reader writes in the content: a field that moves away from under the hands is of no use. */
const isWritingIn = (content: Element): boolean =>
  document.activeElement instanceof HTMLTextAreaElement && content.contains(document.activeElement);

/**
 * Follows growing content while the reader is at its end, and leaves the reader alone otherwise. With `hasEnd` false
 * the content is a page that is read from its beginning: it is shown from there.
 */
export const useStickToBottom = (hasEnd = true): StickToBottom => {
  const scroller = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const following = useRef(true);
  const endsBelow = useRef(hasEnd);
  const [atBottom, setAtBottom] = useState(true);

  const jump = useCallback(() => {
    following.current = true;
    setAtBottom(true);
    const box = scroller.current;
    if (box !== null) box.scrollTop = endsBelow.current ? box.scrollHeight : 0;
  }, []);

  useEffect(() => {
    endsBelow.current = hasEnd;
  }, [hasEnd]);

  useEffect(() => {
    const box = scroller.current;
    const inner = content.current;
    if (box === null || inner === null) return;
    let lastTop = 0;
    let lastHeight = 0;
    const note = () => {
      lastTop = box.scrollTop;
      lastHeight = box.scrollHeight;
    };
    note();
    let handAt = Number.NEGATIVE_INFINITY;
    const onHand = () => {
      handAt = performance.now();
    };
    const onScroll = () => {
      const toEnd = box.scrollHeight - box.scrollTop - box.clientHeight;
      // Growing content moves the end away without a scroll upwards. Content that shrinks moves the box up as a reader
      // does, and may have grown again before this is called: where the height has changed, it takes a hand.
      const isReader = box.scrollHeight === lastHeight || performance.now() - handAt < HAND_MS;
      // A trackpad moves by a few pixels: a reader who had to leave the end's neighbourhood at once would be pulled
      // back each time. At the end itself a move upwards is Safari's, which lets the box swing past its end and back.
      if (toEnd > 1 && isReader && box.scrollTop < lastTop - 1) following.current = false;
      else if (toEnd < NEAR_PX && !isWritingIn(inner)) following.current = true;
      note();
      setAtBottom(toEnd < NEAR_PX || following.current);
    };
    const observer = new ResizeObserver(() => {
      if (!endsBelow.current) return;
      if (isWritingIn(inner)) following.current = false;
      if (following.current) {
        box.scrollTop = box.scrollHeight;
        // The event of this comes in the next frame, and a reader may move before it.
        note();
      } else setAtBottom(box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX);
    });
    observer.observe(inner);
    observer.observe(box);
    box.addEventListener('scroll', onScroll, { passive: true });
    for (const hand of hands) box.addEventListener(hand, onHand, { passive: true });
    return () => {
      observer.disconnect();
      box.removeEventListener('scroll', onScroll);
      for (const hand of hands) box.removeEventListener(hand, onHand);
    };
  }, []);

  return { scroller, content, atBottom, jump };
};
