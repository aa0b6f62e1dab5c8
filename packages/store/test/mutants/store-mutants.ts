/** Stores that break one MUST each. The kit has to notice every one of them. */
import { ChatKitError, isHiddenItem, type Page, type Store, type ThreadItem, type ThreadMetadata } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';

type Context = { userId: string };
type MakeStore = () => Store<Context>;

const sound: MakeStore = () => createMemoryStore<Context>();
/** A sound store with some methods replaced. */
const mutant = (change: (store: Store<Context>) => Partial<Store<Context>>): MakeStore => {
  return () => {
    const store = sound();
    return { ...store, ...change(store) };
  };
};
const mapPage = <T>(page: Page<T>, map: (data: T[]) => T[]): Page<T> => ({ ...page, data: map(page.data) });
const withoutNulls = <T>(value: T): T => JSON.parse(JSON.stringify(value, (_, each) => each ?? undefined));
const unlessUnknown = async <T>(promise: Promise<T>, instead: () => Promise<T>): Promise<T> => {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ChatKitError && error.code === 'item.not_found') return instead();
    throw error;
  }
};

/** Each with a part of the name of a test that has to fail. */
export const storeMutants: Record<string, { make: MakeStore; fails: string }> = {
  'shares between users': {
    make: () => createMemoryStore<Context>({ userOf: () => 'everyone' }),
    fails: 'finds nothing of another user',
  },
  'moves an overwritten item to the end': {
    make: mutant((store) => ({
      async saveItem(threadId, item, context) {
        await store.deleteItem(threadId, item.id, context);
        await store.saveItem(threadId, item, context);
      },
    })),
    fails: 'agrees with a model',
  },
  'orders equal times by id': {
    make: mutant((store) => ({
      listItems: async (threadId, page, context) =>
        mapPage(await store.listItems(threadId, page, context), (data) =>
          data.sort(
            (a, b) =>
              (page.order === 'asc' ? 1 : -1) * (a.created_at.localeCompare(b.created_at) || a.id.localeCompare(b.id)),
          ),
        ),
    })),
    fails: 'orders equal timestamps by insertion',
  },
  'gives out what it keeps': {
    make: () => {
      const store = sound();
      const given = new Map<string, { thread: ThreadMetadata; version: number }>();
      return {
        ...store,
        async loadThread(id, context) {
          const key = JSON.stringify([id, context.userId]);
          const loaded = await store.loadThread(id, context);
          const held = given.get(key);
          if (held?.version === loaded.version) return held;
          given.set(key, loaded);
          return loaded;
        },
      };
    },
    fails: 'copies what it is given',
  },
  'ignores versions': {
    make: mutant((store) => ({ saveThread: (thread, context) => store.saveThread(thread, context) })),
    fails: 'loses nothing of 100 concurrent writers',
  },
  'compares versions before it waits to write': {
    make: mutant((store) => ({
      async saveThread(thread, context, options) {
        const version = await store.loadThread(thread.id, context).then(
          (loaded) => loaded.version,
          () => 0,
        );
        if (options?.ifVersion !== undefined && options.ifVersion !== version)
          throw new ChatKitError('thread.conflict', 'changed');
        await new Promise((resolve) => setTimeout(resolve, 0));
        return store.saveThread(thread, context);
      },
    })),
    fails: 'lets exactly one of many first writers create',
  },
  'does not undo': {
    make: mutant((store) => ({ transaction: (work) => work(store) })),
    fails: 'undoes everything',
  },
  'undoes by writing back, and shows the middle': {
    make: mutant((store) => ({
      async transaction(work, context) {
        const before = await store.listThreads({ limit: 1000, order: 'asc' }, context);
        try {
          return await work(store);
        } catch (error) {
          for (const thread of before.data) await store.saveThread(thread, context);
          throw error;
        }
      },
    })),
    fails: 'shows nothing outside before the end',
  },
  'starts over when after is unknown': {
    make: mutant((store) => ({
      listItems: (threadId, page, context) =>
        unlessUnknown(store.listItems(threadId, page, context), () =>
          store.listItems(threadId, { limit: page.limit, order: page.order }, context),
        ),
    })),
    fails: 'refuses an after that is not there',
  },
  'includes the entry it starts after': {
    make: mutant((store) => ({
      async listItems(threadId, page, context) {
        const listed = await store.listItems(threadId, page, context);
        if (page.after === undefined) return listed;
        return mapPage(listed, () => [...listed.data.slice(0, page.limit - 1)]);
      },
    })),
    fails: 'pages items both ways',
  },
  'promises more when the limit is met exactly': {
    make: mutant((store) => ({
      async listItems(threadId, page, context) {
        const listed = await store.listItems(threadId, page, context);
        return listed.data.length === page.limit
          ? { ...listed, has_more: true, after: listed.data.at(-1)?.id }
          : listed;
      },
    })),
    fails: 'does not promise more',
  },
  'keeps the items of a deleted thread': {
    make: () => {
      const store = sound();
      const gone = new Map<string, ThreadItem[]>();
      return {
        ...store,
        async deleteThread(id, context) {
          const key = id + context.userId;
          if (!gone.has(key)) gone.set(key, (await store.listItems(id, { limit: 1000, order: 'asc' }, context)).data);
          await store.deleteThread(id, context);
        },
        async saveThread(thread, context, options) {
          const version = await store.saveThread(thread, context, options);
          for (const item of gone.get(thread.id + context.userId) ?? []) await store.saveItem(thread.id, item, context);
          return version;
        },
      };
    },
    fails: 'deletes a thread with its items',
  },
  'takes items without a thread': {
    make: mutant((store) => ({
      saveItem: (threadId, item, context) => store.saveItem(threadId, item, context).catch(() => {}),
    })),
    fails: 'refuses an item of a thread that is not there',
  },
  'drops nulls': {
    make: mutant((store) => ({
      saveThread: (thread, context, options) => store.saveThread(withoutNulls(thread), context, options),
      saveItem: (threadId, item, context) => store.saveItem(threadId, withoutNulls(item), context),
    })),
    fails: 'nulls at every depth',
  },
  'mangles lone surrogates': {
    make: mutant((store) => ({
      saveThread: (thread, context, options) =>
        store.saveThread(JSON.parse(JSON.stringify(thread).replaceAll(/\\ud[89a-f]../g, '\ufffd')), context, options),
    })),
    fails: 'lone surrogates',
  },
  'loses keys named __proto__': {
    make: mutant((store) => ({
      saveThread: (thread, context, options) =>
        store.saveThread(
          JSON.parse(JSON.stringify(thread, (key, each) => (key === '__proto__' ? undefined : each))),
          context,
          options,
        ),
    })),
    fails: 'a key named __proto__',
  },
  'hides hidden items': {
    make: mutant((store) => ({
      listItems: async (threadId, page, context) =>
        mapPage(await store.listItems(threadId, page, context), (data) => data.filter((item) => !isHiddenItem(item))),
    })),
    fails: 'keeps every field of every type',
  },
  'does not tell lower case from upper case': {
    make: mutant((store) => ({
      saveThread: (thread, context, options) =>
        store.saveThread({ ...thread, id: thread.id.toLowerCase() }, context, options),
      loadThread: (id, context) => store.loadThread(id.toLowerCase(), context),
    })),
    fails: 'never confuses two ids',
  },
};
export const soundStore = sound;
