import { type FormEvent, type KeyboardEvent, type RefObject, useLayoutEffect, useState } from 'react';
import { SendIcon, StopIcon } from './icons.tsx';

interface ComposerProps {
  /** An answer is being written, or is about to be. */
  busy: boolean;
  canStop: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
  input: RefObject<HTMLTextAreaElement | null>;
}

/** Where a question is written. It stays open while an answer arrives: sending then stops that answer. */
export const Composer = ({ busy, canStop, onSend, onStop, input }: ComposerProps) => {
  const [draft, setDraft] = useState('');
  const empty = draft.trim() === '';

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height follows the draft
  useLayoutEffect(() => {
    const box = input.current;
    if (box === null || CSS.supports('field-sizing', 'content')) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }, [draft, input]);

  const send = () => {
    if (empty) return;
    onSend(draft.trim());
    setDraft('');
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // During composition (Japanese, Chinese, …) Enter chooses a word.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };

  return (
    <form className="composer" onSubmit={onSubmit} aria-label="Ask a question">
      <div className="field">
        <label className="visually-hidden" htmlFor="question">
          Your question
        </label>
        <textarea
          id="question"
          ref={input}
          rows={1}
          maxLength={4_000}
          value={draft}
          placeholder={busy ? 'Ask something else…' : 'Ask about this project…'}
          enterKeyHint="send"
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={onKeyDown}
        />
        {busy && canStop && (
          <button type="button" className="round stop" onClick={onStop} aria-label="Stop" title="Stop (Esc)">
            <StopIcon />
          </button>
        )}
        {(!busy || !canStop || !empty) && (
          <button type="submit" className="round send" disabled={empty} aria-label="Send" title="Send (Enter)">
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
};
