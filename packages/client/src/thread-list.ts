/**
 * The list of threads beside a chat: loaded page by page, and kept in step with the chat shown (a new thread comes to
 * the top, a new title appears) without further requests.
 */
import { isChatKitError, type Thread } from '@chatkit/core';
import type { ChatClient } from './chat-client.ts';
import { type ChatError, shownFailure } from './chat-state.ts';
import { networkError } from './endpoint.ts';
import { mustBe } from './must.ts';
import { createNotifier, frameScheduler } from './notify.ts';

/** What there is to show of the list at one moment. */
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
  /**
   * Calls `listener` after changes until the returned function is called. The list follows the chat only while
   * subscribed to.
   */
  subscribe(listener: () => void): () => void;
  /** Loads the first page, or reloads it. Never rejects: see `error`. */
  refresh(): Promise<void>;
  /** Loads the next page. Never rejects. */
  loadMore(): Promise<void>;
  /** Changes a title: at once in the list, then on the server. Undone if that fails. */
  rename(threadId: string, title: string): Promise<void>;
  /** Removes a thread: at once from the list, then on the server. Undone if that fails. */
  remove(threadId: string): Promise<void>;
}

/** Options of `createThreadList`. */
export interface ThreadListOptions {
  /** Threads per page. Default: the server's. */
  limit?: number | undefined;
}

interface ListState extends ThreadListSnapshot {
  readonly after: string | undefined;
}

/** A change that the server has not confirmed: a new title, or without `title` the removal of the thread. */
interface Change {
  readonly title?: string;
}

/**
 * Makes a list of the threads that `client` can see.
 *
 * @example
 * const list = createThreadList(client);
 * list.subscribe(() => render(list.getSnapshot().threads));
 * await list.refresh();
 */
export const createThreadList = (client: ChatClient, options: ThreadListOptions = {}): ThreadList => {
  mustBe('{ listThreads, subscribe }', 'client', client);
  let state: ListState = { threads: [], status: 'idle', hasMore: false, error: undefined, after: undefined };
  /** The threads as the server and the chat know them, without unconfirmed changes. */
  let known: readonly Thread[] = [];
  /** Unconfirmed changes by thread id, applied over `known`, which may change meanwhile. */
  const changes = new Map<string, Change>();
  /** Only the newest request counts. */
  let latest = 0;
  /** Threads heard of since that request was sent, which its answer may not include; and whether they were new. */
  const news = new Map<string, { readonly thread: Thread; readonly isNew: boolean }>();
  const notifier = createNotifier<ThreadListSnapshot>(() => state, frameScheduler);
  const update = (change: Partial<ListState>): void => {
    known = change.threads ?? known;
    const threads = changes.size === 0 ? known : known.flatMap((thread) => changed(thread, changes.get(thread.id)));
    state = Object.freeze({ ...state, ...change, threads });
    notifier.flush();
  };

  const load = async (after: string | undefined): Promise<void> => {
    latest += 1;
    const mine = latest;
    news.clear();
    update({ status: 'loading' });
    try {
      const page = await client.listThreads({ limit: options.limit, after });
      if (mine !== latest) return;
      const isNotIn = ({ id }: Thread, list: readonly Thread[]) => list.every((thread) => thread.id !== id);
      const begun = [...news.values()].flatMap(({ thread, isNew }) => (isNew ? [thread] : [])).reverse();
      const before = after === undefined ? begun.filter((thread) => isNotIn(thread, page.data)) : known;
      const next = page.data.filter((thread) => isNotIn(thread, before));
      const threads = [...before, ...next.map((thread) => news.get(thread.id)?.thread ?? thread)];
      // A cursor that does not move would make `loadMore` ask for the same page for ever.
      const hasMore = page.has_more && page.after !== undefined && page.after !== after;
      update({ threads, status: 'idle', hasMore, after: page.after, error: undefined });
    } catch (error) {
      // The thread at which the page begins was deleted: load everything again, and one page more.
      if (mine === latest && after !== undefined && isChatKitError(error, 'thread.not_found')) return loadAnew();
      if (mine === latest) update({ status: 'idle', error: shownFailure(networkError(error)) });
    }
  };

  /** Reloads page after page until there are more threads than before. */
  const loadAnew = async (): Promise<void> => {
    const { length } = known;
    await load(undefined);
    while (known.length <= length && state.hasMore && state.status === 'idle' && state.error === undefined)
      await load(state.after);
  };

  /** Takes over the chat's version of its thread, which is newer than the list's. */
  const follow = (): void => {
    const { thread } = client.getSnapshot();
    if (thread === undefined) return;
    const at = known.findIndex(({ id }) => id === thread.id);
    if (known[at] === thread) return;
    news.set(thread.id, { thread, isNew: at === -1 || news.get(thread.id)?.isNew === true });
    update({ threads: at === -1 ? [thread, ...known] : known.with(at, thread) });
  };

  const make = async (id: string, change: Change, work: () => Promise<unknown>): Promise<void> => {
    // A later change of the same thread stays in effect.
    const end = () => changes.get(id) === change && changes.delete(id);
    changes.set(id, change);
    update({});
    try {
      await work();
      // A removal stays in effect for good, whatever an older answer still contains.
      if (change.title === undefined) return;
      known = known.flatMap((thread) => (thread.id === id ? changed(thread, change) : [thread]));
      const thread = known.find((other) => other.id === id);
      if (thread !== undefined) news.set(id, { thread, isNew: news.get(id)?.isNew === true });
      end();
    } catch (error) {
      end();
      state = { ...state, error: shownFailure(networkError(error)) };
      throw error;
    } finally {
      update({});
    }
  };

  return {
    getSnapshot: notifier.getSnapshot,
    subscribe(listener) {
      const ends = [notifier.subscribe(listener), client.subscribe(follow)];
      return () => {
        for (const end of ends) end();
      };
    },
    refresh: () => load(undefined),
    async loadMore() {
      if (state.hasMore && state.status === 'idle') await load(state.after);
    },
    rename: (id, title) => make(id, { title }, () => client.renameThread(id, title)),
    remove: (id) => make(id, {}, () => client.deleteThread(id)),
  };
};

const changed = (thread: Thread, change: Change | undefined): Thread[] => {
  if (change === undefined) return [thread];
  return change.title === undefined ? [] : [{ ...thread, title: change.title }];
};
