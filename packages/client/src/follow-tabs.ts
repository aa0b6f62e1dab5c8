/**
 * Keeps the tabs of an origin in step: when an answer begins in one, the others that show the same thread attach to it.
 * Also refreshes a page when the user returns to it, to show what was said meanwhile, for example on another device.
 */
import type { ChatClient } from './chat-client.ts';
import type { ChatStatus } from './chat-state.ts';
import { browserPageEvents, type PageEvents } from './ports.ts';
import { browserChannels, type ChannelPort } from './shared-run.ts';

/** Options of `followTabs`. */
export interface FollowTabsOptions {
  /** For tests. Default: the browser's `BroadcastChannel`. Without one, only the page's own events are followed. */
  openChannel?: ((name: string) => ChannelPort) | undefined;
  /** For tests. */
  page?: PageEvents | undefined;
}

/** The turn that was begun in this tab: none; begun, not announced yet; announced to the other tabs. */
type OwnTurn = 'none' | 'begun' | 'told';

/** A turn that this tab only attached to begins with `streaming`; announcing it is left to the tab that began it. */
const nextTurn = (turn: OwnTurn, status: ChatStatus): OwnTurn => {
  if (status === 'submitting') return 'begun';
  if (status === 'idle' || status === 'loading') return 'none';
  return turn === 'begun' && status === 'streaming' ? 'told' : turn;
};

/**
 * Calls `client.refresh()` when another tab begins an answer in the thread that is shown (once nothing is in progress
 * in this tab), and when the page becomes visible or online again. The returned function stops that.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit', fetch: shareTabs() });
 * followTabs(client);
 */
export const followTabs = (client: ChatClient, options: FollowTabsOptions = {}): (() => void) => {
  const channel = (options.openChannel ?? browserChannels())?.('chatkit:threads');
  let turn: OwnTurn = 'none';
  /** The thread in which another tab has begun an answer that is not shown here yet. */
  let missed: string | undefined;

  const refresh = (): void => {
    // If it fails, the page keeps showing what it has.
    client.refresh().catch(() => {});
  };
  /**
   * Waits until this tab is idle: if two tabs sent a message at the same moment, the server stops one answer for the
   * other.
   */
  const catchUp = (): void => {
    const { status, thread } = client.getSnapshot();
    if (missed === undefined || status !== 'idle') return;
    // In a microtask, because the turn that has just reported `idle` is over only a moment later.
    if (missed === thread?.id) queueMicrotask(refresh);
    missed = undefined;
  };
  if (channel !== undefined) {
    channel.onmessage = ({ data }) => {
      if (data !== client.getSnapshot().thread?.id) return;
      missed = data;
      catchUp();
    };
  }
  const unsubscribe = client.subscribe(() => {
    const { status, thread } = client.getSnapshot();
    const next = nextTurn(turn, status);
    // Announced once the server has the request, or when the turn ended before a notification showed it streaming.
    if (turn === 'begun' && next !== 'begun' && thread !== undefined) channel?.postMessage(thread.id);
    turn = next;
    catchUp();
  });
  const stopListening = (options.page ?? browserPageEvents).listen((signal) => {
    if (signal !== 'hidden' && signal !== 'left') refresh();
  });

  return () => {
    unsubscribe();
    stopListening();
    channel?.close();
  };
};
