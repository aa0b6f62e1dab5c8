import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { useEffect, useRef } from 'react';
import { useStickToBottom } from '../hooks/use-stick-to-bottom.ts';
import { Announcer } from './announcer.tsx';
import { Composer } from './composer.tsx';
import { EmptyState } from './empty-state.tsx';
import { DownIcon, RetryIcon } from './icons.tsx';
import { isInteractive, Message } from './message.tsx';
import { ProgressLine } from './progress-line.tsx';

interface ConversationProps {
  client: ChatClient;
  chat: ChatSnapshot;
  missing: boolean;
}

/** The conversation on screen, and the field below it. */
export const Conversation = ({ client, chat, missing }: ConversationProps) => {
  const { scroller, content, atBottom, jump } = useStickToBottom();
  const input = useRef<HTMLTextAreaElement>(null);
  const busy = chat.status === 'submitting' || chat.status === 'streaming' || chat.status === 'stopping';
  const last = chat.items.at(-1);
  /** The workflow that is going on: what the assistant does is said there. */
  const working = last?.type === 'workflow' && chat.streamingItemIds.has(last.id) ? last.id : undefined;
  const empty = chat.items.length === 0 && !busy && chat.error === undefined;

  const send = (text: string) => {
    client.send(text);
    jump();
  };
  const stop = () => {
    void client.stop();
    input.current?.focus();
  };

  useEffect(() => {
    if (!busy) return;
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('.side[data-open]')) return;
      event.preventDefault();
      stop();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  });

  // A keyboard is at hand where there is a pointer that hovers: on a phone the keys would cover the page.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each conversation begins at its field and at its end
  useEffect(() => {
    if (matchMedia('(hover: hover)').matches) input.current?.focus({ preventScroll: true });
    jump();
  }, [chat.thread?.id, jump]);

  return (
    <>
      <div className="scroller" ref={scroller}>
        <div className="column" ref={content} aria-busy={chat.status === 'loading'}>
          {chat.hasOlder && (
            <button type="button" className="quiet older" onClick={() => void client.loadOlder().catch(() => {})}>
              Show earlier messages
            </button>
          )}
          {missing && <p className="hint">That conversation is not here any more.</p>}
          {chat.status === 'loading' ? (
            <div className="loading" aria-hidden="true">
              <span />
              <span />
              <span />
            </div>
          ) : empty ? (
            <EmptyState onAsk={send} />
          ) : (
            chat.items.map((item) => (
              <Message
                key={item.id}
                client={client}
                item={item}
                streaming={chat.streamingItemIds.has(item.id)}
                busy={busy && isInteractive(item)}
                progress={item.id === working ? chat.progress : undefined}
              />
            ))
          )}
          {busy && <ProgressNow chat={chat} shownAbove={working !== undefined} />}
          {chat.error !== undefined && (
            <div className="trouble" role="alert">
              <p>{chat.error.message}</p>
              {chat.error.retryable && (
                <button type="button" onClick={() => client.retry()}>
                  <RetryIcon />
                  Retry
                </button>
              )}
            </div>
          )}
        </div>
      </div>
      <div className="dock">
        {!atBottom && (
          <button type="button" className="latest" onClick={jump}>
            <DownIcon />
            Latest
          </button>
        )}
        <div className="inner">
          <Composer busy={busy} canStop={chat.canStop} onSend={send} onStop={stop} input={input} />
        </div>
      </div>
      <Announcer items={chat.items} progress={chat.progress?.text} error={chat.error?.message} busy={busy} />
    </>
  );
};

/** What the assistant says it does, or what the connection does instead. */
const ProgressNow = ({ chat, shownAbove }: { chat: ChatSnapshot; shownAbove: boolean }) => {
  if (chat.connection === 'reconnecting') return <ProgressLine text="The connection broke. Reconnecting…" />;
  if (shownAbove) return null;
  if (chat.progress !== undefined) return <ProgressLine {...chat.progress} />;
  return chat.status === 'submitting' ? <ProgressLine text="Sending…" /> : null;
};
