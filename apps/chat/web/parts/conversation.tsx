import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import type { Attachment, ThreadItem, UserMessageItem } from '@chatkit/core';
import { useCallback, useEffect, useRef } from 'react';
import { useKeptPlace } from '../hooks/use-kept-place.ts';
import type { Missing } from '../hooks/use-route.ts';
import { useStickToBottom } from '../hooks/use-stick-to-bottom.ts';
import { useUnfolding } from '../hooks/use-unfolding.ts';
import { isComposing } from '../is-composing.ts';
import { Announcer } from './announcer.tsx';
import { Composer } from './composer.tsx';
import { currentWork, isSaidBy, sending, troubleOf } from './current-work.ts';
import { EmptyState } from './empty-state.tsx';
import { drawnOf } from './fold.ts';
import { DownIcon, RetryIcon } from './icons.tsx';
import { isInteractive, Message } from './message.tsx';
import { ProgressLine } from './progress-line.tsx';

interface ConversationProps {
  client: ChatClient;
  chat: ChatSnapshot;
  /** Whether what is to be shown is on its way. */
  loading: boolean;
  missing: Missing | undefined;
  onRetry: () => void;
  onShowWire: () => void;
}

const gone: Readonly<Record<Missing, string>> = {
  conversation: 'That conversation is not here any more.',
  page: 'There is no page at this address.',
};

/** The conversation on screen, and the field below it. */
export const Conversation = ({ client, chat, loading, missing, onRetry, onShowWire }: ConversationProps) => {
  const busy = chat.status === 'submitting' || chat.status === 'streaming' || chat.status === 'stopping';
  const empty = chat.items.length === 0 && !busy && chat.error === undefined;
  const isBlank = empty && !loading;
  const { scroller, content, atBottom, jump } = useStickToBottom(!empty);
  const keepPlace = useKeptPlace(scroller, chat.items[0]?.id);
  const fold = useUnfolding(chat.items, loading, scroller, atBottom);
  const input = useRef<HTMLTextAreaElement>(null);
  const last = chat.items.at(-1);
  const lastQuestion = chat.items.findLast((item) => item.type === 'user_message');
  /** The workflow that is going on: what the assistant does is said there. */
  const working = last?.type === 'workflow' && chat.streamingItemIds.has(last.id) ? last.id : undefined;
  const work = busy ? currentWork(chat) : undefined;
  /** The progress of a workflow that is open is said in its own line. */
  const line = working !== undefined && work === chat.progress ? undefined : work;
  const trouble = troubleOf(chat);

  const send = (text: string, attachments: readonly Attachment[] = []) => void client.send({ text, attachments });
  const edit = useCallback(
    (item: UserMessageItem, text: string) => {
      client.edit(item.id, { text, attachments: item.attachments });
      return focusField(input.current);
    },
    [client],
  );
  const showOlder = () => {
    keepPlace();
    client.loadOlder().catch(() => {});
  };
  const stop = () => {
    void client.stop();
    focusField(input.current);
  };
  const retry = () => {
    onRetry();
    focusField(input.current);
  };

  useEffect(() => {
    if (!busy) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || isComposing(event)) return;
      if (document.querySelector('.side[data-open]')) return;
      event.preventDefault();
      stop();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });

  // What this page asks for is answered at the end, wherever the reader was; what another tab asks for pulls nobody
  // there.
  const isOwn = chat.status === 'submitting';
  useEffect(() => {
    if (isOwn) jump();
  }, [isOwn, jump]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: each conversation begins at its field and at its end
  useEffect(() => {
    focusField(input.current);
    jump();
  }, [chat.thread?.id, jump]);

  return (
    <>
      <div className="scroller" ref={scroller} tabIndex={-1}>
        <div
          className="column"
          ref={content}
          data-empty={isBlank || undefined}
          aria-busy={loading || fold !== undefined}
        >
          {chat.hasOlder && fold === undefined && (
            <button type="button" className="quiet older" onClick={showOlder}>
              Show earlier messages
            </button>
          )}
          {missing !== undefined && <p className="hint">{gone[missing]}</p>}
          {loading ? (
            <div className="loading" aria-hidden="true">
              <span />
              <span />
              <span />
            </div>
          ) : isBlank ? (
            <EmptyState onAsk={send} onShowWire={onShowWire} />
          ) : (
            drawnOf(chat.items, fold).map(({ item, hidden, next }) =>
              next === undefined && isSaidBy(trouble, item) ? null : (
                <Message
                  key={item.id}
                  client={client}
                  item={item}
                  unsent={chat.failedItemIds.has(item.id)}
                  onEdit={isEditable(item, chat) ? edit : undefined}
                  followed={item.type === 'user_message' && item !== lastQuestion}
                  streaming={chat.streamingItemIds.has(item.id)}
                  hidden={hidden}
                  stopped={next?.type === 'task'}
                  busy={busy && isInteractive(item)}
                  progress={item.id === working ? chat.progress : undefined}
                />
              ),
            )
          )}
          {line !== undefined && <ProgressLine {...line} />}
          {trouble !== undefined && (
            <div className="trouble" role="alert">
              <p>{trouble.message}</p>
              {trouble.retryable && (
                <button type="button" onClick={retry}>
                  <RetryIcon />
                  Retry
                </button>
              )}
            </div>
          )}
        </div>
      </div>
      <div className="dock">
        {!atBottom && !empty && (
          <button type="button" className="latest" onClick={jump}>
            <DownIcon />
            Latest
          </button>
        )}
        <div className="inner">
          <Composer client={client} busy={busy} canStop={chat.canStop} onSend={send} onStop={stop} input={input} />
        </div>
      </div>
      <Announcer
        items={chat.items}
        progress={work === sending ? undefined : work?.text}
        error={trouble?.message}
        busy={busy}
      />
    </>
  );
};

/** A message that only this page knows has no place on the server where other words could be put. */
const isEditable = (item: ThreadItem, { pendingItemIds, failedItemIds }: ChatSnapshot): boolean =>
  item.type === 'user_message' && !pendingItemIds.has(item.id) && !failedItemIds.has(item.id);

/**
 * A keyboard is at hand where there is a pointer that hovers: on a phone the keys would cover the page. Returns whether
 * the field has the focus.
 */
const focusField = (field: HTMLElement | null): boolean => {
  const isWanted = field !== null && matchMedia('(hover: hover)').matches;
  if (isWanted) field.focus({ preventScroll: true });
  return isWanted;
};
