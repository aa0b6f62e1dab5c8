/** A message of the user's, and the field in its place while it is put in other words. */
import type { UserMessageItem } from '@chatkit/core';
import { type FormEvent, type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from 'react';
import { isComposing } from '../is-composing.ts';
import { SentFiles } from './files.tsx';
import { PencilIcon } from './icons.tsx';
import { Excess, excessOf, QuestionField } from './question-field.tsx';

export interface QuestionProps {
  item: UserMessageItem;
  /** It did not reach the server, as far as is known. */
  unsent: boolean;
  /**
   * Has it answered anew in other words, and says whether it gave the focus a place. `undefined`: the server does not
   * have it yet.
   */
  onEdit: ((item: UserMessageItem, text: string) => boolean) | undefined;
  /** Whether the user has said more after it, which an edit takes away. */
  followed: boolean;
}

export const Question = ({ item, unsent, onEdit, followed }: QuestionProps) => {
  const [mode, setMode] = useState<'shown' | 'editing' | 'left'>('shown');
  const button = useRef<HTMLButtonElement>(null);
  const text = item.content.map((part) => part.text).join(' ');

  // Where the field was, the button is again.
  useEffect(() => {
    if (mode === 'left') button.current?.focus({ preventScroll: true });
  }, [mode]);

  if (mode === 'editing' && onEdit !== undefined)
    return (
      <EditField
        id={`edit-${item.id}`}
        text={text}
        followed={followed}
        onCancel={() => setMode('left')}
        onSend={(next) => setMode(onEdit(item, next) ? 'shown' : 'left')}
      />
    );
  return (
    <article className="question" aria-label="You" data-unsent={unsent || undefined}>
      {item.attachments.length > 0 && <SentFiles attachments={item.attachments} />}
      {text !== '' && <p dir="auto">{text}</p>}
      {onEdit !== undefined && (
        <div className="tools">
          <button
            ref={button}
            type="button"
            className="quiet"
            onClick={() => setMode('editing')}
            aria-label={`Edit message: ${shortened(text)}`}
            title="Edit message"
          >
            <PencilIcon />
          </button>
        </div>
      )}
    </article>
  );
};

interface EditFieldProps {
  id: string;
  text: string;
  followed: boolean;
  onCancel: () => void;
  onSend: (text: string) => void;
}

const EditField = ({ id, text, followed, onCancel, onSend }: EditFieldProps) => {
  const [draft, setDraft] = useState(text);
  const input = useRef<HTMLTextAreaElement>(null);
  const canSend = draft.trim() !== '' && excessOf(draft) <= 0;

  useEffect(() => {
    const field = input.current;
    field?.focus();
    field?.setSelectionRange(field.value.length, field.value.length);
  }, []);

  const send = () => {
    if (canSend) onSend(draft.trim());
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    send();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || isComposing(event.nativeEvent)) return;
    // Or it would stop the answer, too.
    event.preventDefault();
    onCancel();
  };
  /** The buttons have come to stand under the pointer: the second half of a double click is not meant for them. */
  const onClick = (event: MouseEvent) => {
    if (event.detail > 1) event.preventDefault();
    else if ((event.target as Element).closest('.cancel')) onCancel();
  };

  return (
    <form className="editing" aria-label="Edit message" onSubmit={onSubmit} onKeyDown={onKeyDown}>
      <QuestionField id={id} label="Your message" draft={draft} onChange={setDraft} onEnter={send} input={input} />
      <Excess id={id} draft={draft} />
      <div className="choices">
        {followed && <p className="hint">What follows this message is replaced.</p>}
        <button type="button" className="small cancel" onClick={onClick} title="Cancel (Esc)">
          Cancel
        </button>
        <button type="submit" className="small main" onClick={onClick} disabled={!canSend} title="Send (Enter)">
          Send
        </button>
      </div>
    </form>
  );
};

/** A name that tells one button from the others, without reading out the whole message. */
const shortened = (text: string): string => (text.length > 60 ? `${text.slice(0, 60).trimEnd()}…` : text);
