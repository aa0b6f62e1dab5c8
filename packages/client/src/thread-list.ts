/**
 * The list of threads beside a chat: loaded a page at a time, and kept in step with the chat that is shown (a new thread
 * comes to the top, a new title appears) without asking again.
 */
import type { Thread } from '@chatkit/core';
import type { ChatClient } from './chat-client.ts';
import { type ChatError, shownFailure } from './chat-state.ts';
import { createNotifier, frameScheduler, type Scheduler } from './notify.ts';
import { networkError } from './requests.ts';

/** What there is to see of the list at one moment. */
export interface ThreadListSnapshot {
  /** Newest first. */
  readonly threads: readonly Thread[];
  readonly status: 'idle' | 'loading';
  readonly hasMore: boolean;
  /** Why the last page could not be loaded. */
  readonly error: ChatError | undefined;
}

/** The list of threads, page by page, with a snapshot to render. */
export interface ThreadList {
  getSnapshot(): ThreadListSnapshot;
  /** Calls `listener` after changes until the returned function is called. Follows the chat meanwhile. */
  subscribe(listener: () => void): () => void;
  /** Loads the first page, again if it is there. Never rejects: see `error`. */
  refresh(): Promise<void>;
  /** Loads the next page. Never rejects. */
  loadMore(): Promise<void>;
  /** Changes a title, at once here, then on the server; changed back if that fails. */
  rename(threadId: string, title: string): Promise<void>;
  /** Removes a thread, at once here, then on the server; put back if that fails. */
  remove(threadId: string): Promise<void>;
}

export interface ThreadListOptions {
  /** Threads per page. Default: the server's. */
  limit?: number | undefined;
  scheduler?: Scheduler | undefined;
}

interface ListState extends ThreadListSnapshot {
  readonly after: string | undefined;
}

/**
 * A list of the threads that `client` can see.
 *
 * @example
 * const list = createThreadList(client);
 * list.subscribe(() => render(list.getSnapshot().threads));
 * await list.refresh();
 */
export const createThreadList = (client: ChatClient, options: ThreadListOptions = {}): ThreadList => {
  let state: ListState = { threads: [], status: 'idle', hasMore: false, error: undefined, after: undefined };
  /** Only the newest request counts. */
  let latest = 0;
  const notifier = createNotifier<ThreadListSnapshot>(() => state, options.scheduler ?? frameScheduler);
  const update = (change: Partial<ListState>): void => {
    state = Object.freeze({ ...state, ...change });
    notifier.flush();
  };

  const load = async (after: string | undefined): Promise<void> => {
    latest += 1;
    const mine = latest;
    update({ status: 'loading' });
    try {
      const page = await client.listThreads({ limit: options.limit, after });
      if (mine !== latest) return;
      const known = after === undefined ? [] : state.threads;
      const threads = [...known, ...page.data.filter(({ id }) => known.every((thread) => thread.id !== id))];
      // A cursor that does not move would have `loadMore` ask for the same page for ever.
      const hasMore = page.has_more && page.after !== undefined && page.after !== after;
      update({ threads, status: 'idle', hasMore, after: page.after, error: undefined });
    } catch (error) {
      if (mine === latest) update({ status: 'idle', error: shownFailure(networkError(error)) });
    }
  };

  /** What the chat knows of its thread is newer than the list. */
  const follow = (): void => {
    const { thread } = client.getSnapshot();
    if (thread === undefined) return;
    const at = state.threads.findIndex(({ id }) => id === thread.id);
    if (state.threads[at] === thread) return;
    update({ threads: at === -1 ? [thread, ...state.threads] : state.threads.with(at, thread) });
  };

  const change = async (threads: readonly Thread[], work: () => Promise<unknown>): Promise<void> => {
    const before = state.threads;
    update({ threads });
    try {
      await work();
    } catch (error) {
      update({ threads: before, error: shownFailure(networkError(error)) });
      throw error;
    }
  };

  let followers = 0;
  let unfollow: (() => void) | undefined;
  return {
    getSnapshot: notifier.getSnapshot,
    subscribe(listener) {
      const end = notifier.subscribe(listener);
      followers += 1;
      if (followers === 1) unfollow = client.subscribe(follow);
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        end();
        followers -= 1;
        if (followers === 0) unfollow?.();
      };
    },
    refresh: () => load(undefined),
    async loadMore() {
      if (state.hasMore && state.status === 'idle') await load(state.after);
    },
    rename: (id, title) =>
      change(
        state.threads.map((thread) => (thread.id === id ? { ...thread, title } : thread)),
        () => client.renameThread(id, title),
      ),
    remove: (id) =>
      change(
        state.threads.filter((thread) => thread.id !== id),
        () => client.deleteThread(id),
      ),
  };
};
