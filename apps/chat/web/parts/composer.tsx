import { type FormEvent, type MouseEvent, type RefObject, useState } from 'react';
import { SendIcon, StopIcon } from './icons.tsx';
import { Excess, excessOf, QuestionField } from './question-field.tsx';

interface ComposerProps {
  /** An answer is being written, or is about to be. */
  busy: boolean;
  canStop: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
  input: RefObject<HTMLTextAreaElement | null>;
}

/** The field at the end of the page. It stays open while an answer arrives: sending then stops that answer. */
export const Composer = ({ busy, canStop, onSend, onStop, input }: ComposerProps) => {
  const [draft, setDraft] = useState('');
  const empty = draft.trim() === '';
  const canSend = !empty && excessOf(draft) <= 0;

  const send = () => {
    if (!canSend) return;
    onSend(draft.trim());
    setDraft('');
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onClickStop = ({ detail }: MouseEvent) => {
    // It has taken the place of the send button, and is not what the second half of a double click is meant for.
    if (detail < 2) onStop();
  };

  return (
    <form className="composer" onSubmit={onSubmit} aria-label="Ask a question">
      <Excess id="question" draft={draft} />
      <div className="field">
        <QuestionField
          id="question"
          label="Your question"
          draft={draft}
          placeholder={busy ? 'Ask something else…' : 'Ask about this project…'}
          onChange={setDraft}
          onEnter={send}
          input={input}
        />
        {busy && canStop && (
          <button type="button" className="round stop" onClick={onClickStop} aria-label="Stop" title="Stop (Esc)">
            <StopIcon />
          </button>
        )}
        {(!busy || !canStop || !empty) && (
          <button type="submit" className="round send" disabled={!canSend} aria-label="Send" title="Send (Enter)">
            <SendIcon />
          </button>
        )}
      </div>
    </form>
  );
};
