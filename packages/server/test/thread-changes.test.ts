import { ChatKitError, isChatKitError, type ThreadMetadata } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isEqualJson, mergeThread, ThreadChanges, updateThread } from '../src/thread-changes.ts';
import { ada, type User } from './support.ts';

const thread = (more: Partial<ThreadMetadata> = {}): ThreadMetadata => ({
  id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' },
  metadata: {},
  ...more,
});

const json = fc.jsonValue();

/** Few keys, so that writers meet at them, and values that are none, lists or objects. */
const values = fc.dictionary(
  fc.constantFrom('a', 'b', 'constructor'),
  fc.constantFrom<unknown>(null, 1, 'x', [], [1], [1, 2], {}, { a: 1 }, { a: 2, b: null }),
  { noNullPrototype: true },
);

const own = (object: object, key: string): unknown => Object.entries(object).find(([name]) => name === key)?.[1];

const someThread = fc
  .record(
    {
      title: fc.constantFrom('T', 'U'),
      status: fc.constantFrom<ThreadMetadata['status']>({ type: 'active' }, { type: 'locked', reason: 'review' }),
      metadata: values,
    },
    { requiredKeys: [] },
  )
  .map((more) => thread(more));

/** One text for all JSON values that are equal: keys in order, arrays and objects told apart. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${canonical(entry)}`);
  return `{${entries.sort().join()}}`;
};

test('two JSON values are equal when their canonical texts are', () => {
  fc.assert(
    fc.property(json, json, (a, b) => {
      expect(isEqualJson(a, JSON.parse(JSON.stringify(a)))).toBe(true);
      expect(isEqualJson(a, b)).toBe(canonical(a) === canonical(b));
    }),
  );
  expect(isEqualJson({ a: undefined }, {})).toBe(true);
  expect(isEqualJson({}, { a: undefined })).toBe(true);
  expect(isEqualJson({ a: null }, {})).toBe(false);
  expect(isEqualJson([], {})).toBe(false);
});

test('a thread has changed when it is no longer equal to what was read', () => {
  const field = fc.constantFrom('id', 'created_at', 'title', 'status', 'metadata', 'allowed_image_domains', 'extra');
  fc.assert(
    fc.property(fc.boolean(), field, fc.option(json, { nil: undefined }), (isTitled, key, value) => {
      const stored = thread({
        ...(isTitled ? { title: 'T' } : {}),
        ...(key === 'extra' ? { extra: 1 } : {}),
      } as object);
      const changes = new ThreadChanges(createMemoryStore<User>(), { thread: stored, version: 1 }, ada);
      expect(changes.isChanged()).toBe(false);
      Object.assign(changes.thread, { [key]: value });
      expect(changes.isChanged()).toBe(!isEqualJson(changes.thread, stored));
    }),
  );
});

describe('merging', () => {
  const metadata = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.oneof(fc.integer(), fc.string()));

  test('without a change of ours, theirs stands; without one of theirs, ours does', () => {
    fc.assert(
      fc.property(someThread, someThread, (base, changed) => {
        expect(canonical(mergeThread(base, base, changed))).toBe(canonical(changed));
        expect(canonical(mergeThread(base, changed, base))).toBe(canonical(changed));
      }),
    );
  });

  test('what is an object for both is merged key by key; anything else is one value, of who changed it or of this turn', () => {
    fc.assert(
      fc.property(values, values, values, (base, mine, theirs) => {
        const { metadata: merged } = mergeThread(
          thread({ metadata: base }),
          thread({ metadata: mine }),
          thread({ metadata: theirs }),
        );
        for (const key of Object.keys({ ...mine, ...theirs })) {
          const [b, m, t, given] = [base, mine, theirs, merged].map((each) => own(each, key));
          const isMerged = [m, t].every((value) => Object.prototype.toString.call(value) === '[object Object]');
          if (!isMerged) expect(canonical(given)).toBe(canonical(canonical(b) === canonical(m) ? t : m));
          else
            expect(Object.keys({ ...(m as object), ...(t as object) })).toEqual(
              expect.arrayContaining(Object.keys(given as object)),
            );
        }
      }),
    );
  });

  test('changes of different keys are all kept', () => {
    fc.assert(
      fc.property(metadata, fc.integer(), fc.integer(), (base, mine, theirs) => {
        const merged = mergeThread(
          thread({ metadata: base }),
          thread({ metadata: { ...base, mine } }),
          thread({ metadata: { ...base, theirs } }),
        );
        expect(merged.metadata).toEqual({ ...base, mine, theirs });
      }),
    );
  });

  test('nested objects merge, removed keys stay removed, a status is one value', () => {
    const base = thread({ metadata: { usage: { in: 1, out: 1 }, gone: true } });
    const mine = thread({ metadata: { usage: { in: 2, out: 1 } }, status: { type: 'locked', reason: 'review' } });
    const theirs = thread({ metadata: { usage: { in: 1, out: 5 }, gone: true }, title: 'T' });
    expect(mergeThread(base, mine, theirs)).toEqual(
      thread({ metadata: { usage: { in: 2, out: 5 } }, status: { type: 'locked', reason: 'review' }, title: 'T' }),
    );
  });

  test('a key called __proto__ pollutes nothing', () => {
    const evil = thread({ metadata: JSON.parse('{"__proto__":{"polluted":1}}') });
    const merged = mergeThread(thread(), evil, thread({ title: 'T' }));
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
    expect((merged.metadata as { polluted?: number }).polluted).toBeUndefined();
  });
});

test('40 writers at once lose nothing', async () => {
  const store = createMemoryStore<User>();
  await store.saveThread(thread(), ada);
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      updateThread(store, 'thr_1', ada, ({ metadata }) => {
        metadata[`writer${i}`] = i;
      }),
    ),
  );
  const { thread: saved } = await store.loadThread('thr_1', ada);
  expect(Object.keys(saved.metadata)).toHaveLength(40);
});

test('what others changed comes into the object that the application holds', async () => {
  const store = createMemoryStore<User>();
  await store.saveThread(thread(), ada);
  const changes = new ThreadChanges(store, await store.loadThread('thr_1', ada), ada);
  await updateThread(store, 'thr_1', ada, (other) => {
    other.title = 'renamed';
  });
  expect(await changes.save()).toBeUndefined();
  changes.thread.metadata['step'] = 1;
  expect(await changes.save()).toEqual(thread({ title: 'renamed', metadata: { step: 1 } }));
  expect(changes.thread.title).toBe('renamed');
  expect(await changes.save()).toBeUndefined();
});

test.each<[string, Error]>([
  ['is told of a conflict each time', new ChatKitError('thread.conflict', 'Others were faster.')],
  ['is told of a failure', new Error('no connection')],
])('who %s gives up, and the change stays to be saved', async (_, error) => {
  const store = createMemoryStore<User>();
  await store.saveThread(thread(), ada);
  const changes = new ThreadChanges(store, await store.loadThread('thr_1', ada), ada);
  const { saveThread } = store;
  let calls = 0;
  store.saveThread = () => {
    calls += 1;
    return Promise.reject(error);
  };
  changes.thread.title = 'T';
  await expect(changes.save()).rejects.toBe(error);
  expect(calls > 1).toBe(isChatKitError(error));
  store.saveThread = saveThread;
  expect(await changes.save()).toEqual(thread({ title: 'T' }));
});

test('what the application changes while a change is being saved is saved next', async () => {
  const store = createMemoryStore<User>();
  await store.saveThread(thread(), ada);
  const changes = new ThreadChanges(store, await store.loadThread('thr_1', ada), ada);
  changes.thread.title = 'first';
  const saving = changes.save();
  changes.thread.title = 'second';
  expect(await saving).toEqual(thread({ title: 'first' }));
  expect(await changes.save()).toEqual(thread({ title: 'second' }));
});
