/**
 * Notices what an application did to the `thread` it was given, and saves it so that concurrent writers lose nothing.
 * The reference saves the whole object without a version, so two streams on one thread overwrite each other's
 * `metadata`. Here a save names the version that was read; on `thread.conflict` the three states (read, changed here,
 * changed there) are merged key by key and the save is tried again.
 */
import { isChatKitError, type Store, type StoredThread, type ThreadMetadata } from '@chatkit/core';
import { notJson } from './event-shape.ts';
import { ThreadLook } from './thread-look.ts';

/** Watches one thread for the length of a turn. */
export interface ThreadChanges {
  /** The object the application works on. */
  readonly thread: ThreadMetadata;
  /** Whether it differs from what was read or saved last. */
  isChanged(): boolean;
  /** Saves what changed since the last look. Returns the thread as saved, or `undefined` when nothing changed. */
  save(): Promise<ThreadMetadata | undefined>;
}

/** How often a save is tried against other writers before it is given up with `thread.conflict`. */
const ATTEMPTS = 50;

export const watchThread = <Context>(store: Store<Context>, stored: StoredThread, context: Context): ThreadChanges => {
  // By its text, which what a store gives has: half of what `structuredClone` costs. What the application changed is
  // cloned, so that a function in it is an error and is not lost.
  const text = JSON.stringify(stored.thread);
  const thread: ThreadMetadata = JSON.parse(text);
  /** As it was read or saved last. Of most turns nobody asks: they leave the thread alone. */
  let known: ThreadMetadata | undefined;
  const base = (): ThreadMetadata => {
    known ??= JSON.parse(text) as ThreadMetadata;
    return known;
  };
  let look = ThreadLook.of(thread);
  let version = stored.version;
  const isChanged = (): boolean => {
    if (look?.isStill(thread)) return false;
    if (!isEqualJson(thread, base())) return true;
    // Something was written again as it was.
    if (look !== undefined) look = ThreadLook.of(thread);
    return false;
  };
  return {
    thread,
    isChanged,
    async save() {
      if (!isChanged()) return undefined;
      const mine = copyOf(thread);
      let merged = mine;
      for (let attempt = 1; ; attempt += 1) {
        try {
          version = await store.saveThread(merged, context, { ifVersion: version });
          break;
        } catch (error) {
          if (!isChatKitError(error, 'thread.conflict') || attempt === ATTEMPTS) throw error;
          const theirs = await store.loadThread(mine.id, context);
          version = theirs.version;
          merged = mergeThread(base(), mine, theirs.thread);
        }
      }
      adopt(thread, mine, merged);
      known = structuredClone(merged);
      // What was changed while it was being saved is a change.
      look = isEqualJson(thread, known) ? ThreadLook.of(thread) : undefined;
      return structuredClone(merged);
    },
  };
};

const copyOf = (thread: ThreadMetadata): ThreadMetadata => {
  try {
    return structuredClone(thread);
  } catch (cause) {
    throw notJson('The thread, as respond() has changed it,', cause);
  }
};

/** Reads a thread, lets `change` alter it, and saves it; others' changes in between are kept. */
export const updateThread = async <Context>(
  store: Store<Context>,
  threadId: string,
  context: Context,
  change: (thread: ThreadMetadata) => void,
): Promise<ThreadMetadata> => {
  const changes = watchThread(store, await store.loadThread(threadId, context), context);
  change(changes.thread);
  return (await changes.save()) ?? changes.thread;
};

/** Three-way merge: what `mine` changed against `base` is taken from `mine`, everything else from `theirs`. */
export const mergeThread = (base: ThreadMetadata, mine: ThreadMetadata, theirs: ThreadMetadata): ThreadMetadata => {
  const merged = mergeObjects(base, mine, theirs) as ThreadMetadata;
  // A status is one value with a tag: a reason of one writer must not end up beside the type of another.
  merged.status = isEqualJson(base.status, mine.status) ? theirs.status : mine.status;
  return structuredClone(merged);
};

type JsonObject = Record<string, unknown>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const mergeObjects = (base: JsonObject, mine: JsonObject, theirs: JsonObject): JsonObject => {
  const entries: [string, unknown][] = [];
  for (const key of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const [b, m, t] = [own(base, key), own(mine, key), own(theirs, key)];
    const value = isObject(m) && isObject(t) ? mergeObjects(isObject(b) ? b : {}, m, t) : isEqualJson(b, m) ? t : m;
    if (value !== undefined) entries.push([key, value]);
  }
  return Object.fromEntries(entries);
};

const own = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

/** Brings what others changed into the object the application holds, and leaves alone what it changed itself. */
const adopt = (thread: ThreadMetadata, mine: ThreadMetadata, merged: ThreadMetadata): void => {
  const [target, before, after] = [thread as JsonObject, mine as JsonObject, merged as JsonObject];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (isEqualJson(own(before, key), own(after, key))) continue;
    if (own(after, key) === undefined) delete target[key];
    else target[key] = structuredClone(after[key]);
  }
};

/**
 * Whether two JSON values are the same. A key that is `undefined` counts as absent. It is asked about the thread once
 * per token, so objects are walked in place: every key that one has is compared, and then they must have equally many.
 */
export const isEqualJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((each, i) => isEqualJson(each, b[i]))
    );
  }
  const [left, right] = [a as JsonObject, b as JsonObject];
  let count = 0;
  for (const key in left) {
    const value = left[key];
    // What the other one inherits is a function, which no JSON value equals, but for this key.
    const other = key === '__proto__' ? own(right, key) : right[key];
    if (value !== other && !isEqualJson(value, other)) return false;
    if (value !== undefined) count += 1;
  }
  for (const key in right) if (right[key] !== undefined) count -= 1;
  return count === 0;
};
