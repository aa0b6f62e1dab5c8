import type { Thread } from '@chatkit/core';
import { type FormEvent, type MouseEvent, useEffect, useRef, useState } from 'react';
import { isComposing } from '../is-composing.ts';
import { CheckIcon, NewIcon, PencilIcon, TrashIcon } from './icons.tsx';

interface ThreadListProps {
  threads: readonly Thread[];
  currentId: string | undefined;
  hasMore: boolean;
  /** Why the list is not whole. */
  error: string | undefined;
  onOpen: (id: string) => void;
  onNew: () => void;
  onRename: (id: string, title: string) => void;
  onDelete: (id: string) => void;
  onMore: () => void;
  onRefresh: () => void;
}

/** The conversations of this visitor, newest first. */
export const ThreadList = (props: ThreadListProps) => {
  const { threads, currentId, hasMore, error, onNew, onMore, onRefresh } = props;
  return (
    <nav className="threads" aria-label="Conversations">
      <button type="button" className="new" onClick={onNew}>
        <NewIcon />
        New conversation
      </button>
      {error !== undefined && (
        <p className="hint">
          {error}{' '}
          <button type="button" className="again" onClick={onRefresh}>
            Load the list again
          </button>
        </p>
      )}
      {threads.length === 0 ? (
        error === undefined && <p className="hint">Conversations are kept here.</p>
      ) : (
        <ul>
          {threads.map((thread) => (
            <Entry key={thread.id} thread={thread} current={thread.id === currentId} {...props} />
          ))}
        </ul>
      )}
      {hasMore && (
        <button type="button" className="quiet more" onClick={onMore}>
          Show older
        </button>
      )}
    </nav>
  );
};

type EntryProps = Pick<ThreadListProps, 'onOpen' | 'onRename' | 'onDelete'> & { thread: Thread; current: boolean };

const Entry = ({ thread, current, onOpen, onRename, onDelete }: EntryProps) => {
  const [mode, setMode] = useState<'shown' | 'renaming' | 'deleting'>('shown');
  const row = useRef<HTMLLIElement>(null);
  const title = thread.title ?? 'New conversation';

  useEffect(() => {
    if (mode !== 'deleting') return;
    row.current?.querySelector<HTMLElement>('.confirm')?.focus();
    const timer = setTimeout(() => {
      const hadFocus = row.current?.contains(document.activeElement);
      setMode('shown');
      if (hadFocus) requestAnimationFrame(() => row.current?.querySelector('a')?.focus());
    }, 4_000);
    return () => clearTimeout(timer);
  }, [mode]);

  const back = () => {
    setMode('shown');
    requestAnimationFrame(() => row.current?.querySelector('a')?.focus());
  };
  const rename = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const next = String(new FormData(event.currentTarget).get('title')).trim();
    if (next !== '' && next !== title) onRename(thread.id, next);
    back();
  };
  const remove = () => {
    // The row goes, and the focus with it, unless it is moved before.
    row.current?.closest('nav')?.querySelector<HTMLElement>('.new')?.focus();
    onDelete(thread.id);
  };
  const open = (event: MouseEvent) => {
    // With a modifier the browser opens a tab: the address is a real one.
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onOpen(thread.id);
  };

  if (mode === 'renaming')
    return (
      <li ref={row} className="renaming">
        <form onSubmit={rename}>
          <input
            name="title"
            defaultValue={title}
            maxLength={120}
            aria-label="Title"
            // biome-ignore lint/a11y/noAutofocus: the reader has just asked for this field
            autoFocus
            onFocus={(event) => event.target.select()}
            onKeyDown={(event) => {
              if (event.key !== 'Escape' || isComposing(event.nativeEvent)) return;
              event.stopPropagation();
              back();
            }}
          />
          <button type="submit" className="quiet" aria-label="Save title">
            <CheckIcon />
          </button>
        </form>
      </li>
    );
  return (
    <li ref={row} data-current={current || undefined}>
      <a href={`/t/${thread.id}`} aria-current={current ? 'page' : undefined} onClick={open} title={title}>
        <bdi>{title}</bdi>
      </a>
      <span className="actions">
        {mode === 'deleting' ? (
          <button type="button" className="confirm" onClick={remove}>
            Delete?
          </button>
        ) : (
          <>
            <button type="button" className="quiet" aria-label={`Rename: ${title}`} onClick={() => setMode('renaming')}>
              <PencilIcon />
            </button>
            <button type="button" className="quiet" aria-label={`Delete: ${title}`} onClick={() => setMode('deleting')}>
              <TrashIcon />
            </button>
          </>
        )}
      </span>
    </li>
  );
};
