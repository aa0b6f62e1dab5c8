import type { ChatClient } from '@chatkit/client';
import type { Attachment } from '@chatkit/core';
import { type ClipboardEvent, type FormEvent, type MouseEvent, type RefObject, useRef, useState } from 'react';
import { useAttachments } from '../hooks/use-attachments.ts';
import { useFileDrop } from '../hooks/use-file-drop.ts';
import { DraftFiles } from './files.tsx';
import { ClipIcon, SendIcon, StopIcon } from './icons.tsx';
import { Excess, excessOf, QuestionField } from './question-field.tsx';

interface ComposerProps {
  client: ChatClient;
  /** An answer is being written, or is about to be. */
  busy: boolean;
  canStop: boolean;
  onSend: (text: string, attachments: readonly Attachment[]) => void;
  onStop: () => void;
  input: RefObject<HTMLTextAreaElement | null>;
}

/**
 * The field at the end of the page, with files. It stays open while an answer arrives: sending then stops that answer.
 */
export const Composer = ({ client, busy, canStop, onSend, onStop, input }: ComposerProps) => {
  const [draft, setDraft] = useState('');
  const { drafts, add, remove, take } = useAttachments(client);
  const isOver = useFileDrop(add);
  const picker = useRef<HTMLInputElement>(null);
  const empty = draft.trim() === '' && drafts.length === 0;
  const canSend = !empty && excessOf(draft) <= 0 && drafts.every(({ state }) => state === 'ready');

  const send = () => {
    if (!canSend) return;
    onSend(draft.trim(), take());
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
  const onPaste = (event: ClipboardEvent) => {
    const { files, types } = event.clipboardData;
    // A table that is copied comes as text and as a picture of it: the text is meant.
    if (files.length === 0 || types.includes('text/plain')) return;
    event.preventDefault();
    add(files);
  };
  const onRemove = (key: number) => {
    remove(key);
    // The button goes, and the focus with it.
    input.current?.focus({ preventScroll: true });
  };

  return (
    <form className="composer" onSubmit={onSubmit} aria-label="Ask a question">
      <Excess id="question" draft={draft} />
      {isOver && (
        <div className="drop" aria-hidden="true">
          Drop files to attach them
        </div>
      )}
      <div className="field">
        <DraftFiles drafts={drafts} onRemove={onRemove} />
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          aria-label="Files"
          onChange={({ target }) => {
            add([...(target.files ?? [])]);
            // The same file may be chosen again.
            target.value = '';
            input.current?.focus({ preventScroll: true });
          }}
        />
        <button
          type="button"
          className="round attach"
          onClick={() => picker.current?.click()}
          aria-label="Attach files"
          title="Attach files"
        >
          <ClipIcon />
        </button>
        <QuestionField
          id="question"
          label="Your question"
          draft={draft}
          placeholder={busy ? 'Ask something else…' : 'Ask about this project…'}
          onChange={setDraft}
          onEnter={send}
          onPaste={onPaste}
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
