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
    if (wasBusy.current && !busy) setText(error ?? lastWord(items));
    // What is said twice is heard twice only if the region has been empty in between.
    else if (busy && !wasBusy.current) setText(progress ?? '');
    wasBusy.current = busy;
  }, [busy, error, items, progress]);
  return (
    <div className="visually-hidden" role="status" aria-live="polite" data-testid="announcer">
      {text}
    </div>
  );
};

/** What the last turn came to: an answer, a question to the user, or a line that says that it was stopped. */
const lastWord = (items: readonly ThreadItem[]): string => {
  const item = items.at(-1);
  switch (item?.type) {
    case 'assistant_message':
      return `Answer: ${item.content
        .map((part) => part.text)
        .join(' ')
        .replace(/[`*#|]/g, '')}`;
    case 'structured_input':
      return item.inputs.map((input) => input.question).join(' ');
    case 'task':
      return item.task.title ?? '';
    default:
      return '';
  }
};
