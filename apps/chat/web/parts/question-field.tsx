/** Where a question is written: as high as what is in it, sent by Enter, and not longer than the server takes. */
import { type ClipboardEvent, type KeyboardEvent, type RefObject, useLayoutEffect } from 'react';
import { isComposing } from '../is-composing.ts';

/** How long a question may be, in UTF-16 units. */
const LONGEST = 4_000;

/** How much of a draft is too much; none or less: it fits. */
export const excessOf = (draft: string): number => draft.trim().length - LONGEST;

interface QuestionFieldProps {
  id: string;
  label: string;
  draft: string;
  placeholder?: string;
  onChange: (draft: string) => void;
  /** Enter, which belongs to an input method while that is at work; with Shift it makes a line. */
  onEnter: () => void;
  onPaste?: (event: ClipboardEvent) => void;
  input: RefObject<HTMLTextAreaElement | null>;
}

export const QuestionField = ({
  id,
  label,
  draft,
  placeholder,
  onChange,
  onEnter,
  onPaste,
  input,
}: QuestionFieldProps) => {
  const isTooLong = excessOf(draft) > 0;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the draft
  useLayoutEffect(() => {
    const box = input.current;
    if (box === null || CSS.supports('field-sizing', 'content')) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }, [draft, input]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event.nativeEvent)) return;
    event.preventDefault();
    onEnter();
  };

  return (
    <>
      <label className="visually-hidden" htmlFor={id}>
        {label}
      </label>
      <textarea
        id={id}
        ref={input}
        rows={1}
        dir="auto"
        value={draft}
        aria-invalid={isTooLong}
        aria-describedby={isTooLong ? `${id}-excess` : undefined}
        placeholder={placeholder}
        enterKeyHint="send"
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={onKeyDown}
        onPaste={onPaste}
      />
    </>
  );
};

/** Says that the draft of the field with this id is too long, if it is. */
export const Excess = ({ id, draft }: { id: string; draft: string }) => {
  const excess = excessOf(draft);
  if (excess <= 0) return null;
  return (
    <p className="excess" id={`${id}-excess`} role="status">
      {excess.toLocaleString('en')} characters too many: a question has room for {LONGEST.toLocaleString('en')}.
    </p>
  );
};
