import { type FormEvent, type KeyboardEvent, type MouseEvent, type RefObject, useLayoutEffect, useState } from 'react';
import { isComposing } from '../is-composing.ts';
import { SendIcon, StopIcon } from './icons.tsx';

interface ComposerProps {
  /** An answer is being written, or is about to be. */
  busy: boolean;
  canStop: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
  input: RefObject<HTMLTextAreaElement | null>;
}

/** How long a question may be, in UTF-16 units. */
const LONGEST = 4_000;

/** Where a question is written. It stays open while an answer arrives: sending then stops that answer. */
export const Composer = ({ busy, canStop, onSend, onStop, input }: ComposerProps) => {
  const [draft, setDraft] = useState('');
  const empty = draft.trim() === '';
  const excess = draft.trim().length - LONGEST;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the draft
  useLayoutEffect(() => {
    const box = input.current;
    if (box === null || CSS.supports('field-sizing', 'content')) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }, [draft, input]);

  const send = () => {
    if (empty || excess > 0) return;
    onSend(draft.trim());
    setDraft('');
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event.nativeEvent)) return;
    event.preventDefault();
    send();
  };
  const onClickStop = ({ detail }: MouseEvent) => {
    // It has taken the place of the send button, and is not what the second half of a double click is meant for.
    if (detail < 2) onStop();
  };

  return (
    <form className="composer" onSubmit={onSubmit} aria-label="Ask a question">
      {excess > 0 && (
        <p className="excess" id="excess" role="status">
          {excess.toLocaleString('en')} characters too many: a question has room for {LONGEST.toLocaleString('en')}.
        </p>
      )}
      <div className="field">
        <label className="visually-hidden" htmlFor="question">
          Your question
        </label>
        <textarea
          id="question"
          ref={input}
          rows={1}
          dir="auto"
          value={draft}
          aria-invalid={excess > 0}
          aria-describedby={excess > 0 ? 'excess' : undefined}
          placeholder={busy ? 'Ask something else…' : 'Ask about this project…'}
          enterKeyHint="send"
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {busy && canStop && (
          <button type="button" className="round stop" onClick={onClickStop} aria-label="Stop" title="Stop (Esc)">
            <StopIcon />
          </button>
        )}
        {(!busy || !canStop || !empty) && (
          <button
            type="submit"
            className="round send"
            disabled={empty || excess > 0}
            aria-label="Send"
            title="Send (Enter)"
          >
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
};
