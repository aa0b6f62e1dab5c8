/** The page: the list of conversations beside (on a phone: over) the one on screen. */
import type { ChatClient } from '@chatkit/client';
import { type UseThreadsResult, useChat, useThreads } from '@chatkit/react';
import { useEffect, useRef, useState } from 'react';
import { threadPath, useRoute } from './hooks/use-route.ts';
import { useTheme } from './hooks/use-theme.ts';
import { useWirePanel } from './hooks/use-wire-panel.ts';
import { Conversation } from './parts/conversation.tsx';
import { CloseIcon, MenuIcon, MoonIcon, SunIcon, WireIcon } from './parts/icons.tsx';
import { ThreadList } from './parts/thread-list.tsx';
import { WirePanel } from './parts/wire-panel.tsx';
import type { Wire } from './wire/wire.ts';

/** Conversations that the list asks for at once. */
const PAGE = 40;

export const App = ({ client, wire }: { client: ChatClient; wire: Wire }) => {
  const chat = useChat(client);
  const [theme, toggleTheme] = useTheme();
  const list = useThreads({ client, limit: PAGE });
  useRefreshOnReturn(list, chat.connection === 'live');
  const drawer = useDrawer();
  const panel = useWirePanel();
  const title = chat.thread?.title ?? (chat.items.length === 0 ? '' : 'New conversation');

  const route = useRoute(client, chat.thread?.id);
  useEffect(() => {
    document.title = title === '' ? 'ChatKit demo' : `${title} · ChatKit demo`;
  }, [title]);

  /** Also before the client has begun: the first picture of a page is drawn by then. */
  const isUnseen = chat.thread === undefined && chat.items.length === 0 && chat.error === undefined;
  const isLoading = chat.status === 'loading' || (route.id !== undefined && isUnseen);

  const open = (id: string | undefined) => {
    drawer.close();
    route.open(id);
  };
  const remove = async (id: string) => {
    await list.remove(id);
    // Another one may be shown by now.
    if (location.pathname === threadPath(id)) route.open(undefined);
  };
  const retry = () => {
    // A conversation that could not be loaded has nothing to answer again.
    if (chat.items.length === 0) route.open(route.id);
    else client.retry();
  };
  const themeLabel = theme === 'dark' ? 'Use the light theme' : 'Use the dark theme';

  return (
    <div className="app" data-wire={panel.isOpen || undefined}>
      <a className="skip" href="#question">
        Skip to the question field
      </a>
      <aside ref={drawer.panel} className="side" id="side" data-open={drawer.isOpen || undefined} aria-label="Menu">
        <div className="brand">
          <img src="/icon.svg" alt="" />
          <strong>ChatKit demo</strong>
          <button type="button" className="quiet only-phone" onClick={drawer.close} aria-label="Close the menu">
            <CloseIcon />
          </button>
        </div>
        <ThreadList
          threads={list.threads}
          currentId={route.id}
          hasMore={list.hasMore}
          error={list.error?.message}
          onOpen={open}
          onNew={() => open(undefined)}
          onRename={(id, next) => void list.rename(id, next).catch(() => {})}
          onDelete={(id) => void remove(id).catch(() => {})}
          onMore={() => void list.loadMore()}
          onRefresh={() => void list.refresh()}
        />
        <footer>Answers quote this project's Markdown. An independent project, not affiliated with OpenAI.</footer>
      </aside>
      {drawer.isOpen && <div className="backdrop" onClick={drawer.close} aria-hidden="true" />}
      <main inert={drawer.isOpen}>
        <header className="bar">
          <button
            ref={drawer.button}
            type="button"
            className="quiet only-phone"
            onClick={drawer.open}
            aria-label="Open the menu"
            aria-expanded={drawer.isOpen}
            aria-controls="side"
          >
            <MenuIcon />
          </button>
          <h1>{title === '' ? <span className="visually-hidden">New conversation</span> : <bdi>{title}</bdi>}</h1>
          <button
            type="button"
            className="quiet wire-switch"
            onClick={() => panel.show(!panel.isOpen)}
            aria-expanded={panel.isOpen}
            aria-controls={panel.isOpen ? 'wire' : undefined}
            title="What goes over the connection, and how to break it"
          >
            <WireIcon />
            <span>Wire</span>
          </button>
          <button type="button" className="quiet" onClick={toggleTheme} aria-label={themeLabel} title={themeLabel}>
            {theme === 'dark' ? <SunIcon /> : <MoonIcon />}
          </button>
        </header>
        <Conversation
          client={client}
          chat={chat}
          loading={isLoading}
          missing={route.missing}
          onRetry={retry}
          onShowWire={() => panel.show(true)}
        />
      </main>
      {panel.isOpen && <WirePanel wire={wire} inert={drawer.isOpen} onClose={() => panel.show(false)} />}
    </div>
  );
};

/**
 * Another tab, or a phone, may have begun a conversation meanwhile; and what could not be loaded may be when the
 * network is back, or a chat has reached the server. A list with older pages is left as it is: it would shrink.
 */
const useRefreshOnReturn = ({ threads, error, refresh }: UseThreadsResult, isReached: boolean) => {
  const isWhole = threads.length <= PAGE;
  useEffect(() => {
    if (!isWhole) return;
    const onReturn = () => {
      if (document.visibilityState === 'visible') void refresh();
    };
    document.addEventListener('visibilitychange', onReturn);
    addEventListener('online', onReturn);
    return () => {
      document.removeEventListener('visibilitychange', onReturn);
      removeEventListener('online', onReturn);
    };
  }, [isWhole, refresh]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each time that it is reached, or a list that fails would be asked for ever
  useEffect(() => {
    if (isReached && isWhole && error !== undefined) void refresh();
  }, [isReached]);
};

/** The drawer of a phone: takes the focus, gives it back, closes on Escape. */
const useDrawer = () => {
  const [isOpen, setOpen] = useState(false);
  const panel = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (!isOpen) return;
    const opener = button.current;
    panel.current?.querySelector<HTMLElement>('.new')?.focus();
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape') setOpen(false);
    };
    document.addEventListener('keydown', onKeyDown);
    return () => {
      document.removeEventListener('keydown', onKeyDown);
      // After the render that makes the page reachable again.
      requestAnimationFrame(() => opener?.focus());
    };
  }, [isOpen]);
  return { isOpen, panel, button, open: () => setOpen(true), close: () => setOpen(false) };
};
