import type { ThreadItem } from '@chatkit/core';
import { useEffect, useRef, useState } from 'react';

interface AnnouncerProps {
  items: readonly ThreadItem[];
  progress: string | undefined;
  error: string | undefined;
  busy: boolean;
}

/**
 * Tells a screen reader what happens: the progress, then the whole answer once it is finished. Reading out every delta
 * would drown it.
 */
export const Announcer = ({ items, progress, error, busy }: AnnouncerProps) => {
  const [text, setText] = useState('');
  const wasBusy = useRef(false);
  useEffect(() => {
    if (progress !== undefined) setText(progress);
  }, [progress]);
  useEffect(() => {
    if (wasBusy.current && !busy) setText(error ?? answerText(items.at(-1)));
    wasBusy.current = busy;
  }, [busy, error, items]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {text}
    </div>
  );
};

const answerText = (item: ThreadItem | undefined): string =>
  item?.type === 'assistant_message'
    ? `Answer: ${item.content
        .map((part) => part.text)
        .join(' ')
        .replace(/[`*#|]/g, '')}`
    : '';
