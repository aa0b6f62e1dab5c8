/**
 * The list of threads beside a chat: loaded a page at a time, and kept in step with the chat that is shown (a new thread
 * comes to the top, a new title appears) without asking again.
 */
import { isChatKitError, type Thread } from '@chatkit/core';
import type { ChatClient } from './chat-client.ts';
import { type ChatError, shownFailure } from './chat-state.ts';
import { networkError } from './endpoint.ts';
import { createNotifier, frameScheduler, type Scheduler } from './notify.ts';

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

/** How the list is loaded, and when its subscribers are told. */
export interface ThreadListOptions {
  /** Threads per page. Default: the server's. */
  limit?: number | undefined;
  scheduler?: Scheduler | undefined;
}

interface ListState extends ThreadListSnapshot {
  readonly after: string | undefined;
}

/** What was changed here and the server has not confirmed: a new title; without one, the thread goes. */
interface Change {
  readonly title?: string;
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
  /** The threads as they are known elsewhere: on the server, and to the chat. */
  let known: readonly Thread[] = [];
  /** By thread. Laid over what is known, which may change meanwhile: the chat goes on, the list is loaded again. */
  const changes = new Map<string, Change>();
  /** Only the newest request counts. */
  let latest = 0;
  /** Threads as they have been heard of since it was made, which its answer may not know; and whether they were new. */
  const news = new Map<string, { readonly thread: Thread; readonly isNew: boolean }>();
  const notifier = createNotifier<ThreadListSnapshot>(() => state, options.scheduler ?? frameScheduler);
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
      const isElsewhere = ({ id }: Thread, list: readonly Thread[]) => list.every((thread) => thread.id !== id);
      const begun = [...news.values()].flatMap(({ thread, isNew }) => (isNew ? [thread] : [])).reverse();
      const before = after === undefined ? begun.filter((thread) => isElsewhere(thread, page.data)) : known;
      const next = page.data.filter((thread) => isElsewhere(thread, before));
      const threads = [...before, ...next.map((thread) => news.get(thread.id)?.thread ?? thread)];
      // A cursor that does not move would have `loadMore` ask for the same page for ever.
      const hasMore = page.has_more && page.after !== undefined && page.after !== after;
      update({ threads, status: 'idle', hasMore, after: page.after, error: undefined });
    } catch (error) {
      // The thread where the page begins has gone: what is known and the next page come anew.
      if (mine === latest && after !== undefined && isChatKitError(error, 'thread.not_found')) return loadAnew();
      if (mine === latest) update({ status: 'idle', error: shownFailure(networkError(error)) });
    }
  };

  /** Loads page after page until there are more than there were. */
  const loadAnew = async (): Promise<void> => {
    const { length } = known;
    await load(undefined);
    while (known.length <= length && state.hasMore && state.status === 'idle' && state.error === undefined)
      await load(state.after);
  };

  /** What the chat knows of its thread is newer than the list. */
  const follow = (): void => {
    const { thread } = client.getSnapshot();
    if (thread === undefined) return;
    const at = known.findIndex(({ id }) => id === thread.id);
    if (known[at] === thread) return;
    news.set(thread.id, { thread, isNew: at === -1 || news.get(thread.id)?.isNew === true });
    update({ threads: at === -1 ? [thread, ...known] : known.with(at, thread) });
  };

  const make = async (id: string, change: Change, work: () => Promise<unknown>): Promise<void> => {
    // A later one of the same thread goes on.
    const end = () => changes.get(id) === change && changes.delete(id);
    changes.set(id, change);
    update({});
    try {
      await work();
      // What has gone stays away, whatever an answer says that was made before.
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
