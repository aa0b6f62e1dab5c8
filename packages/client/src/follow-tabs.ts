/**
 * Keeps the tabs of an origin in step: when an answer begins in one, those that show the same thread attach to it. And a
 * page that is looked at again shows what was said meanwhile, on another device for example.
 */
import type { ChatClient } from './chat-client.ts';
import { browserPageEvents, type PageEvents } from './ports.ts';
import type { ChannelPort } from './shared-run.ts';

export interface FollowTabsOptions {
  /** For tests. Default: the browser's. Where there is none, only the page's own events count. */
  openChannel?: ((name: string) => ChannelPort) | undefined;
  /** For tests. */
  page?: PageEvents | undefined;
}

/**
 * Calls `client.refresh()` when another tab begins an answer in the thread that is shown, or the page becomes visible, until
 * the returned function is called.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit', fetch: shareTabs() });
 * followTabs(client);
 */
export const followTabs = (client: ChatClient, options: FollowTabsOptions = {}): (() => void) => {
  const openChannel =
    options.openChannel ??
    (typeof BroadcastChannel === 'undefined' ? undefined : (name: string) => new BroadcastChannel(name));
  const channel = openChannel?.('chatkit:threads');
  /** The thread that the others were told of, while it is being answered. */
  let told: string | undefined;

  const refresh = (): void => {
    // What cannot be had now is not missed: the page shows what it has shown before.
    client.refresh().catch(() => {});
  };
  if (channel !== undefined) {
    channel.onmessage = ({ data }) => data === client.getSnapshot().thread?.id && refresh();
  }
  const unsubscribe = client.subscribe(() => {
    const { status, thread } = client.getSnapshot();
    const answered = status === 'streaming' ? thread?.id : undefined;
    if (answered !== undefined && answered !== told) channel?.postMessage(answered);
    told = answered;
  });
  const stopListening = (options.page ?? browserPageEvents).listen((signal) => {
    if (signal === 'visible' || signal === 'restored') refresh();
  });

  return () => {
    unsubscribe();
    stopListening();
    channel?.close();
  };
};
