/**
 * Detects what an application changed on the `thread` it was given, and saves it without losing concurrent changes. The
 * Python SDK saves the whole object without a version, so two streams on one thread overwrite each other's `metadata`.
 * Here a save names the version that was read; on `thread.conflict` the three states (read, changed here, changed
 * there) are merged key by key and the save is retried.
 */
import { isChatKitError, type Store, type StoredThread, type ThreadMetadata } from '@chatkit/core';
import { notJson } from './event-shape.ts';
import { strictJson } from './strict-json.ts';
import { ThreadLook } from './thread-look.ts';
import { assertThread } from './thread-shape.ts';

/** How many times a save is attempted before it fails with `thread.conflict`. */
const ATTEMPTS = 50;

/**
 * Watches one thread for the length of a turn. A class and not closures: there is one per run, and each token asks it.
 */
export class ThreadChanges<Context = unknown> {
  /** The object the application works on. */
  readonly thread: ThreadMetadata;
  private readonly store: Store<Context>;
  private readonly context: Context;
  private readonly text: string;
  /** The thread as it was read or saved last. Made lazily: most turns leave the thread alone and never need it. */
  private known: ThreadMetadata | undefined;
  private look: ThreadLook | undefined;
  private version: number;

  constructor(store: Store<Context>, stored: StoredThread, context: Context) {
    // Copied by way of JSON, because a thread from a store is JSON and that costs half of `structuredClone`.
    this.text = JSON.stringify(stored.thread);
    this.thread = JSON.parse(this.text);
    this.store = store;
    this.context = context;
    this.look = ThreadLook.of(this.thread);
    this.version = stored.version;
  }

  /** Whether `thread` differs from what was read or saved last. */
  isChanged(): boolean {
    const { thread } = this;
    if (this.look?.isStill(thread)) return false;
    if (!isEqualJson(thread, this.base())) return true;
    // An equal value was assigned: equal, but no longer the same object.
    if (this.look !== undefined) this.look = ThreadLook.of(thread);
    return false;
  }

  /**
   * Saves the changes since the last save. Resolves with the thread as saved, or `undefined` when nothing changed.
   * Throws for what is no thread, before anything is stored.
   */
  async save(): Promise<ThreadMetadata | undefined> {
    if (!this.isChanged()) return undefined;
    const { store, context, thread } = this;
    const mine = copyOf(thread);
    assertThread(mine, this.base(), (value, before) => !isEqualJson(value, before));
    let merged = mine;
    for (let attempt = 1; ; attempt += 1) {
      try {
        this.version = await store.saveThread(merged, context, { ifVersion: this.version });
        break;
      } catch (error) {
        if (!isChatKitError(error, 'thread.conflict') || attempt === ATTEMPTS) throw error;
        const theirs = await store.loadThread(mine.id, context);
        this.version = theirs.version;
        merged = mergeThread(this.base(), mine, theirs.thread);
      }
    }
    adopt(thread, mine, merged);
    this.known = structuredClone(merged);
    // Changes that were made during the save are still to be saved.
    this.look = isEqualJson(thread, this.known) ? ThreadLook.of(thread) : undefined;
    return structuredClone(merged);
  }

  private base(): ThreadMetadata {
    this.known ??= JSON.parse(this.text) as ThreadMetadata;
    return this.known;
  }
}

/** The thread as JSON: so a date in it is the text that the store keeps, and a function in it is an error. */
const copyOf = (thread: ThreadMetadata): ThreadMetadata => {
  try {
    return JSON.parse(strictJson(thread)) as ThreadMetadata;
  } catch (cause) {
    throw notJson('The thread, as respond() or action() has changed it,', cause);
  }
};

/**
 * Makes the changes that an application has announced itself, in an event. A thread on the wire has no metadata, so
 * that of the event says nothing.
 */
export const applyThread = (thread: ThreadMetadata, { title, status, allowed_image_domains }: ThreadMetadata): void => {
  const said = { title, status, allowed_image_domains };
  Object.assign(thread, Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)));
};

/** Loads a thread, applies `change` and saves it. Concurrent changes are kept. */
export const updateThread = async <Context>(
  store: Store<Context>,
  threadId: string,
  context: Context,
  change: (thread: ThreadMetadata) => void,
): Promise<ThreadMetadata> => {
  const changes = new ThreadChanges(store, await store.loadThread(threadId, context), context);
  change(changes.thread);
  return (await changes.save()) ?? changes.thread;
};

/** Three-way merge: what differs between `base` and `mine` is taken from `mine`, everything else from `theirs`. */
export const mergeThread = (base: ThreadMetadata, mine: ThreadMetadata, theirs: ThreadMetadata): ThreadMetadata => {
  const merged = mergeObjects(base, mine, theirs) as ThreadMetadata;
  // A status is a tagged union: the `reason` of one writer must not end up beside the `type` of another.
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

/** Copies others' changes into the object that the application holds, leaving its own changes alone. */
const adopt = (thread: ThreadMetadata, mine: ThreadMetadata, merged: ThreadMetadata): void => {
  const [target, before, after] = [thread as JsonObject, mine as JsonObject, merged as JsonObject];
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (isEqualJson(own(before, key), own(after, key))) continue;
    if (own(after, key) === undefined) delete target[key];
    else target[key] = structuredClone(after[key]);
  }
};

/** Deep equality of what two values are as JSON; a key whose value is `undefined` counts as absent. */
export const isEqualJson = (a: unknown, b: unknown): boolean => a === b || isEqualTree(a, b) || isEqualForm(a, b);

/**
 * Equality of objects and arrays. May be called once per token, so objects are compared without making arrays of their
 * keys: each key of one is compared, then both must have the same number.
 */
const isEqualTree = (a: unknown, b: unknown): boolean => {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((each, i) => isEqualJson(each ?? null, b[i] ?? null))
    );
  }
  const [left, right] = [a as JsonObject, b as JsonObject];
  let count = 0;
  for (const key in left) {
    const value = left[key];
    // Reading an inherited property is harmless, because it is a function and equals no JSON value, except for
    // `__proto__`.
    const other = key === '__proto__' ? own(right, key) : right[key];
    if (value !== other && !isEqualJson(value, other)) return false;
    if (value !== undefined) count += 1;
  }
  for (const key in right) if (right[key] !== undefined) count -= 1;
  return count === 0;
};

/** Equality of values of which at least one is something else as JSON, such as a date. */
const isEqualForm = (a: unknown, b: unknown): boolean => {
  const [left, right] = [formOf(a), formOf(b)];
  return (left !== a || right !== b) && (left === right || isEqualTree(left, right));
};

/** What a value is as JSON, not looking into it. */
const formOf = (value: unknown): unknown => {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'object' || value === null) return value;
  const { toJSON } = value as { toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(value) : value;
};
