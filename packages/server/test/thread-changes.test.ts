import type { ThreadMetadata } from '@chatkit/core';
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
      fc.property(metadata, metadata, (one, other) => {
        const [base, changed] = [thread({ metadata: one }), thread({ metadata: other })];
        expect(mergeThread(base, base, changed)).toEqual(changed);
        expect(mergeThread(base, changed, base)).toEqual(changed);
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
