/**
 * Keeps the tabs of an origin in step: when an answer begins in one, those that show the same thread attach to it. And a
 * page that is looked at again shows what was said meanwhile, on another device for example.
 */
import type { ChatClient } from './chat-client.ts';
import type { ChatStatus } from './chat-state.ts';
import { browserPageEvents, type PageEvents } from './ports.ts';
import { browserChannels, type ChannelPort } from './shared-run.ts';

/** Where the news of other tabs and of the page comes from. */
export interface FollowTabsOptions {
  /** For tests. Default: the browser's. Where there is none, only the page's own events count. */
  openChannel?: ((name: string) => ChannelPort) | undefined;
  /** For tests. */
  page?: PageEvents | undefined;
}

/** A turn that was begun in this tab: there is none; it is on its way; the others were told of it. */
type OwnTurn = 'none' | 'begun' | 'told';

/** A turn that was only attached to begins with `streaming`, and is left to the tab that began it. */
const nextTurn = (turn: OwnTurn, status: ChatStatus): OwnTurn => {
  if (status === 'submitting') return 'begun';
  if (status === 'idle' || status === 'loading') return 'none';
  return turn === 'begun' && status === 'streaming' ? 'told' : turn;
};

/**
 * Calls `client.refresh()` when another tab begins an answer in the thread that is shown (if something goes on here, then after
 * it), or the page becomes visible or online again, until the returned function is called.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit', fetch: shareTabs() });
 * followTabs(client);
 */
export const followTabs = (client: ChatClient, options: FollowTabsOptions = {}): (() => void) => {
  const channel = (options.openChannel ?? browserChannels())?.('chatkit:threads');
  let turn: OwnTurn = 'none';
  /** The thread in which another one has begun something that is not shown here yet. */
  let missed: string | undefined;

  const refresh = (): void => {
    // What cannot be had now is not missed: the page shows what it has shown before.
    client.refresh().catch(() => {});
  };
  /** As soon as nothing else goes on here: two may ask at one moment, and the server stops one for the other. */
  const catchUp = (): void => {
    const { status, thread } = client.getSnapshot();
    if (missed === undefined || status !== 'idle') return;
    // A turn that tells of its end is over a moment later.
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
    // Not before the server has it; nor not at all, if it was over before a frame could tell.
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
