import type { ThreadItem } from '@chatkit/core';
import { type RefObject, useEffect, useState } from 'react';
import { type Fold, unfold } from '../parts/fold.ts';
import { useKeptPlace } from './use-kept-place.ts';

/** More than a tall screen shows. */
const FIRST_CHARS = 4_000;
/** What a slow phone draws in the time of two or three frames. */
const NEXT_CHARS = 1_200;

/**
 * Where the drawing of a conversation begins that has just been loaded; moves up by itself, a task for each step, so
 * that keys and frames come in between. `undefined`: all of it is drawn.
 */
export const useUnfolding = (
  items: readonly ThreadItem[],
  loading: boolean,
  scroller: RefObject<HTMLElement | null>,
  atBottom: boolean,
): Fold | undefined => {
  const [fold, setFold] = useState<Fold>();
  const keepPlace = useKeptPlace(scroller, fold && `${fold.itemId} ${fold.block}`);
  const [wasLoading, setWasLoading] = useState(loading);
  if (wasLoading !== loading) {
    setWasLoading(loading);
    setFold(loading ? undefined : unfold(items, FIRST_CHARS));
  }
  useEffect(() => {
    if (fold === undefined) return;
    const timer = setTimeout(() => {
      // Who is at the end is kept there anyway.
      if (!atBottom) keepPlace();
      setFold(unfold(items, NEXT_CHARS, fold));
    });
    return () => clearTimeout(timer);
  }, [fold, items, atBottom, keepPlace]);
  return fold;
};
