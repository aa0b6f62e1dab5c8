/**
 * A server as the modules of this package use it: its stores and the hooks that somebody waits for have a limit of time
 * (`time-limit.ts`), and where a string is expected of the application, it is one.
 */
import { isStorableId, type Store } from '@chatkit/core';
import { describeValue } from './describe-value.ts';
import type { ServerParts } from './server-parts.ts';
import { inTime, isOutOfTime, type Limits, limited } from './time-limit.ts';
import { userOfNoContext } from './user-of.ts';

export const limitedParts = <Context>(server: ServerParts<Context>): ServerParts<Context> => {
  const { attachmentStore, settings } = server;
  const hook = <T>(name: string, work: () => T | PromiseLike<T>, limits: Limits = settings) =>
    inTime(limits, name, work, 'run.hook_timeout');
  // Turning speech into text is work of the kind that `respond()` does, and may take as long.
  const patient = { ...settings, deadlines: { ...settings.deadlines, callMs: settings.deadlines.totalMs } };
  return {
    store: limitedStore(server.store, settings),
    attachmentStore: attachmentStore && limited(attachmentStore, 'attachmentStore', settings),
    log: server.log,
    settings,
    userOf(context) {
      const user = server.userOf(context);
      return user === undefined || user === userOfNoContext ? user : text('userOf', user);
    },
    respond: (...given) => server.respond(...given),
    action: (...given) => server.action(...given),
    syncAction: (...given) => hook('syncAction', () => server.syncAction(...given)),
    addFeedback: (...given) => hook('addFeedback', () => server.addFeedback(...given)),
    transcribe: (...given) => hook('transcribe', () => server.transcribe(...given), patient),
    async getStreamOptions(...given) {
      const options = await hook('getStreamOptions', () => server.getStreamOptions(...given));
      if (typeof options === 'object' && options !== null) return options;
      throw new TypeError(`getStreamOptions() must return { allow_cancel }, not ${describeValue(options)}.`);
    },
    handleStreamCancelled: (...given) => hook('handleStreamCancelled', () => server.handleStreamCancelled(...given)),
    generateThreadId: (...given) => id('generateThreadId', server.generateThreadId(...given)),
    generateItemId: (...given) => id('generateItemId', server.generateItemId(...given)),
  };
};

/**
 * Without types it may be something else, such as a promise: one that is a user would be the same user for everybody,
 * and one that is an id would be blamed on the client's request.
 */
const text = (name: string, returned: string): string => {
  if (typeof returned === 'string' && returned !== '') return returned;
  throw new TypeError(`${name}() must return text, not ${describeValue(returned)}.`);
};

/** Text that stores take as an id. Any other they would refuse as a fault of the request. */
const id = (name: string, returned: string): string => {
  const given = text(name, returned);
  if (isStorableId(given)) return given;
  throw new TypeError(`${name}() must return 200 characters of well-formed text at most, not ${describeValue(given)}.`);
};

/**
 * A write of an item is not sent while an earlier one of the same item, which was given up, may still be on its way: if
 * the two changed places, the older form would stay. A transaction that was given up writes nothing more and is undone,
 * unless it is being committed already.
 */
export const limitedStore = <Context>(store: Store<Context>, limits: Limits): Store<Context> => {
  /** By item, the end of a write that was given up. */
  const late = new Map<string, Promise<void>>();

  const writeItem = async (call: string, key: string, write: () => Promise<void>): Promise<void> => {
    const earlier = late.get(key);
    let isGivenUp = false;
    const written = (async () => {
      if (earlier !== undefined) await earlier;
      if (!isGivenUp) await write();
    })();
    try {
      await inTime(limits, call, () => written);
    } catch (error) {
      isGivenUp = true;
      if (isOutOfTime(error)) {
        const over = written.then(
          () => {},
          () => {},
        );
        late.set(key, over);
        void over.then(() => late.get(key) === over && late.delete(key));
      }
      throw error;
    }
  };

  const special: Pick<Store<Context>, 'saveItem' | 'deleteItem' | 'transaction'> = {
    saveItem: (threadId, item, context) =>
      writeItem('store.saveItem', `${threadId} ${item.id}`, () => store.saveItem(threadId, item, context)),
    deleteItem: (threadId, itemId, context) =>
      writeItem('store.deleteItem', `${threadId} ${itemId}`, () => store.deleteItem(threadId, itemId, context)),
    async transaction(work, context) {
      let givenUp: { readonly error: unknown } | undefined;
      const undoable = (inner: Store<Context>): Store<Context> =>
        new Proxy(inner, {
          get(_, key) {
            if (givenUp !== undefined) throw givenUp.error;
            const value: unknown = Reflect.get(inner, key);
            return typeof value === 'function' ? value.bind(inner) : value;
          },
        });
      try {
        return await inTime(limits, 'store.transaction', () =>
          store.transaction((inner) => work(undoable(inner)), context),
        );
      } catch (error) {
        givenUp = { error };
        throw error;
      }
    },
  };
  return Object.assign(Object.create(limited(store, 'store', limits)) as Store<Context>, special);
};
