import {
  type AssistantMessageItem,
  assistantMessage,
  clearTransients,
  emptyThreadState,
  foldUpdate,
  fromThread,
  itemAdded,
  itemDone,
  itemRemoved,
  prependItems,
  reduceThread,
  selectItem,
  selectItems,
  selectOpenItems,
  serializeEvent,
  type Thread,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
  textDelta,
  toWireEvent,
  toWireItem,
  toWireThread,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { threadItemSchema, threadMetadataSchema, threadSchema, threadStreamEventSchema } from '@chatkit/core/schema';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { history, thread, threadStreamEvent } from './arbitraries/event.ts';
import { itemId, threadItem } from './arbitraries/item.ts';
import { json, jsonObject } from './arbitraries/json.ts';

const events = fc.array(threadStreamEvent, { maxLength: 40 });
const reduceAll = (all: readonly ThreadStreamEvent[], from: ThreadState = emptyThreadState) =>
  all.reduce(reduceThread, from);

/** What can be seen of a state. Storage may differ between equal threads. */
const seen = (state: ThreadState) => ({
  thread: state.thread,
  progress: state.progress,
  streamOptions: state.streamOptions,
  error: state.error,
  notices: state.notices,
  items: selectItems(state),
  open: selectOpenItems(state),
});

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const key of Reflect.ownKeys(value)) deepFreeze((value as Record<PropertyKey, unknown>)[key]);
  }
  return value;
};

/** The items as slowly and plainly as they can be reduced: a model to compare with. */
const reducePlainly = (items: readonly ThreadItem[], event: ThreadStreamEvent): readonly ThreadItem[] => {
  switch (event.type) {
    case 'thread.item.added':
    case 'thread.item.done':
    case 'thread.item.replaced':
      return items.some((item) => item.id === event.item.id)
        ? items.map((item) => (item.id === event.item.id ? event.item : item))
        : [...items, event.item];
    case 'thread.item.removed':
      return items.filter((item) => item.id !== event.item_id);
    case 'thread.item.updated':
      return items.map((item) => (item.id === event.item_id ? foldUpdate(item, event.update) : item));
    default:
      return items;
  }
};

// Thirty thousand items and hundreds of runs take their time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

describe('reduceThread', () => {
  it('reduces any sequence of valid events, frozen, without throwing or changing what it was given', () => {
    fc.assert(
      fc.property(events, (all) => {
        let state = deepFreeze(emptyThreadState);
        for (const event of deepFreeze(all)) state = deepFreeze(reduceThread(state, event));
        for (const item of selectItems(state)) expect(selectItem(state, item.id)).toBe(item);
      }),
    );
  });

  it('gives the same for a prefix and the rest as for all', () => {
    fc.assert(
      fc.property(events, fc.nat(40), (all, cut) => {
        const prefix = reduceAll(all.slice(0, cut));
        // Looking in between must not matter.
        seen(prefix);
        expect(seen(reduceAll(all.slice(cut), prefix))).toEqual(seen(reduceAll(all)));
      }),
    );
  });

  it('gives the same from a snapshot of the items as from their history', () => {
    fc.assert(
      fc.property(events, events, (before, after) => {
        const state = reduceAll(before);
        const snapshot = fromThread({
          ...(state.thread as Thread),
          items: { data: [...selectItems(state)], has_more: false },
        });
        expect(selectItems(reduceAll(after, snapshot))).toEqual(selectItems(reduceAll(after, state)));
      }),
    );
  });

  it('agrees with a reducer that has nothing but an array', () => {
    fc.assert(
      fc.property(events, (all) => {
        expect(selectItems(reduceAll(all))).toEqual(all.reduce<readonly ThreadItem[]>(reducePlainly, []));
      }),
    );
  });

  it('knows what is open, in the order in which it was added, as a list does', () => {
    const id = fc.nat({ max: 60 }).map((at) => `msg_${at}`);
    const item = id.map((each) => assistantMessage({ thread_id: 'thr_1', id: each }));
    const event = fc.oneof(
      { weight: 3, arbitrary: item.map((each) => itemAdded(each)) },
      { weight: 3, arbitrary: fc.tuple(id, fc.string()).map(([each, text]) => textDelta(each, text)) },
      { weight: 1, arbitrary: item.map((each) => itemDone(each)) },
      { weight: 1, arbitrary: id.map((each) => itemRemoved(each)) },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200, size: 'max' }), (all) => {
        let state = emptyThreadState;
        let open: ThreadItem[] = [];
        for (const each of all) {
          state = reduceThread(state, each);
          if ('item' in each) open = open.filter((one) => one.id !== each.item.id);
          if (each.type === 'thread.item.added') open.push(each.item);
          if (each.type === 'thread.item.removed') open = open.filter((one) => one.id !== each.item_id);
          if (each.type === 'thread.item.updated')
            open = open.map((one) => (one.id === each.item_id ? foldUpdate(one, each.update) : one));
        }
        expect(selectOpenItems(state)).toEqual(open);
        for (const one of open) expect(selectItem(state, one.id)).toEqual(one);
      }),
    );
  });

  it('gives back the same state for events and updates of types that nobody knows', () => {
    const unknown = fc.oneof(
      fc.record({ type: fc.constantFrom('thread.sparkled', '', 'constructor'), item_id: itemId, item: jsonObject }),
      fc.record({
        type: fc.constant('thread.item.updated'),
        item_id: itemId,
        update: fc.record({ type: fc.constantFrom('widget.sparkled', '__proto__', 'x'), widget: jsonObject }),
      }),
    );
    fc.assert(
      fc.property(events, unknown, (all, event) => {
        const state = reduceAll(all);
        expect(reduceThread(state, event as unknown as ThreadStreamEvent)).toBe(state);
      }),
    );
  });

  it('survives events whose parts are of wrong types, since a browser does not parse them', () => {
    // JSON may hold an object that throws as soon as it is turned into text or a number.
    const unprintable = fc.constant({ toString: 1, valueOf: null });
    const damaged = fc
      .tuple(threadStreamEvent, fc.array(fc.tuple(fc.nat(), fc.oneof(json, unprintable)), { maxLength: 3 }))
      .map(([event, hits]) => {
        const copy = JSON.parse(JSON.stringify(event));
        for (const [at, value] of hits) {
          const places: [object: Record<string, unknown>, key: string][] = [];
          JSON.stringify(copy, function (this: Record<string, unknown>, key, entry) {
            if (key !== '' && this !== copy) places.push([this, key]);
            else if (key !== '' && key !== 'type') places.push([copy, key]);
            return entry;
          });
          const [object, key] = places[at % places.length] ?? [];
          if (object !== undefined && key !== undefined) object[key] = structuredClone(value);
        }
        return copy as ThreadStreamEvent;
      });
    fc.assert(
      fc.property(fc.array(damaged, { maxLength: 30 }), (all) => {
        seen(reduceAll(all));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: 'Hi' },
    { type: 'assistant_message.content_part.annotation_added', content_index: 0, annotation_index: 0, annotation: {} },
  ])('survives a $type for a part that is null', (update) => {
    const item = { type: 'assistant_message', id: 'msg_1', thread_id: 'thr_1', created_at: '', content: [null] };
    const all = [
      { type: 'thread.item.added', item },
      { type: 'thread.item.updated', item_id: 'msg_1', update },
    ] as unknown as ThreadStreamEvent[];
    const [after] = selectItems(reduceAll(all)) as [AssistantMessageItem];
    expect(after.content).toMatchObject([
      'delta' in update ? { text: update.delta } : { annotations: [update.annotation] },
    ]);
  });

  it('keeps the identity of every item that an event does not touch', () => {
    fc.assert(
      fc.property(events, threadStreamEvent, (all, event) => {
        const before = reduceAll(all);
        const after = reduceThread(before, event);
        const touched = 'item_id' in event ? event.item_id : 'item' in event ? event.item.id : undefined;
        const known = new Map(selectItems(before).map((item) => [item.id, item]));
        for (const item of selectItems(after)) if (item.id !== touched) expect(item).toBe(known.get(item.id));
        if (touched === undefined) expect(selectItems(after)).toBe(selectItems(before));
        expect(selectItems(after)).toBe(selectItems(after));
      }),
    );
  });

  it('keeps the order of items, whatever happens to them', () => {
    fc.assert(
      fc.property(events, threadStreamEvent, (all, event) => {
        const before = selectItems(reduceAll(all)).map((item) => item.id);
        const after = selectItems(reduceAll([...all, event])).map((item) => item.id);
        expect(new Set(after).size).toBe(after.length);
        const removed = event.type === 'thread.item.removed' ? event.item_id : undefined;
        expect(after.slice(0, before.length - (before.includes(removed ?? '') ? 1 : 0))).toEqual(
          before.filter((id) => id !== removed),
        );
      }),
    );
  });

  it('prepends what is not there yet, in order, and nothing else', () => {
    const page = fc.uniqueArray(threadItem(), { selector: (item) => item.id });
    fc.assert(
      fc.property(events, page, (all, older) => {
        const state = reduceAll(all);
        const known = new Set(selectItems(state).map((item) => item.id));
        const after = prependItems(state, older);
        expect(selectItems(after)).toEqual([...older.filter((item) => !known.has(item.id)), ...selectItems(state)]);
        expect(prependItems(after, older)).toBe(after);
        expect(selectOpenItems(after)).toBe(selectOpenItems(state));
      }),
    );
  });

  it('forgets with clearTransients what belonged to the last stream, and keeps the rest', () => {
    fc.assert(
      fc.property(events, (all) => {
        const state = reduceAll(all);
        const cleared = clearTransients(state);
        expect(seen(cleared)).toEqual({
          ...seen(emptyThreadState),
          thread: state.thread,
          items: selectItems(state),
          open: selectOpenItems(state),
        });
      }),
    );
  });
});

/** How many fields and entries of the new state are not part of the old one: what the reducer wrote. */
const writes = (before: unknown, after: unknown): number => {
  const old = new Set<object>();
  const walk = (value: unknown, visit: (found: object) => boolean): void => {
    if (typeof value !== 'object' || value === null || !visit(value)) return;
    for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], visit);
  };
  walk(before, (found) => !old.has(found) && Boolean(old.add(found)));
  let count = 0;
  walk(after, (found) => {
    if (old.has(found)) return false;
    old.add(found);
    count += Object.keys(found).length;
    return true;
  });
  return count;
};

describe('what an event costs, counted in fields written', () => {
  const threadOf = (items: number): ThreadState =>
    fromThread({
      id: 'thr_1',
      created_at: '2026-01-01T00:00:00Z',
      status: { type: 'active' },
      metadata: {},
      items: {
        data: Array.from({ length: items }, (_, at) =>
          assistantMessage({ thread_id: 'thr_1', id: `msg_${at}`, text: 'x' }),
        ),
        has_more: false,
      },
    });
  const message = assistantMessage({ thread_id: 'thr_1', id: 'new' });
  const cost = (state: ThreadState, event: ThreadStreamEvent) => writes(state, reduceThread(state, event));

  it('a text delta costs the same in a long thread, late in a long message, and beside many parts', () => {
    const delta = textDelta('new', ' word');
    const streaming = (items: number, deltas: number) =>
      reduceAll([itemAdded(message), ...Array.from({ length: deltas }, () => delta)], threadOf(items));
    const base = cost(streaming(0, 1), delta);
    expect(base).toBeLessThan(20);
    expect(cost(streaming(10_000, 1), delta)).toBe(base);
    expect(cost(streaming(10_000, 5_000), delta)).toBe(base);
    const content = Array.from({ length: 1_000 }, () => ({ type: 'output_text' as const, text: 'x', annotations: [] }));
    const manyParts = reduceAll([itemAdded({ ...message, content }), textDelta('new', 'x', 999)], threadOf(10));
    expect(cost(manyParts, textDelta('new', 'y', 999))).toBe(base);
  });

  it('adding, finishing, removing and prepending one of 30,000 items writes a few short arrays', () => {
    const state = threadOf(30_000);
    expect(cost(state, itemAdded(message))).toBeLessThan(300);
    expect(cost(state, itemDone(assistantMessage({ thread_id: 'thr_1', id: 'msg_17', text: 'y' })))).toBeLessThan(300);
    expect(cost(state, itemRemoved('msg_20000'))).toBeLessThan(300);
    expect(writes(state, prependItems(state, [message]))).toBeLessThan(300);
  });

  it('so does each of them where 20,000 items are open, and a delta for any of these', () => {
    const items = Array.from({ length: 20_000 }, (_, at) => ({ ...message, id: `open_${at}` }));
    const state = reduceAll(items.map((item) => itemAdded(item)));
    expect(cost(state, itemAdded(message))).toBeLessThan(600);
    expect(cost(state, textDelta('open_19999', 'x'))).toBeLessThan(300);
    const reduced = reduceThread(state, textDelta('open_19999', 'x'));
    expect(cost(reduced, textDelta('open_3', 'x'))).toBeLessThan(300);
    expect(cost(reduced, itemDone({ ...message, id: 'open_0' }))).toBeLessThan(600);
    expect(cost(reduced, itemRemoved('open_7'))).toBeLessThan(900);
    let left = reduced;
    for (const { id } of items.slice(1)) left = reduceThread(left, itemRemoved(id));
    expect(selectOpenItems(left).map(({ id }) => id)).toEqual(['open_0']);
    expect(selectItems(left)).toEqual(selectOpenItems(left));
  });

  it('finds, adds, replaces, removes and prepends correctly beyond the size of a node', () => {
    const ids = (state: ThreadState) => selectItems(state).map((item) => item.id);
    let state = threadOf(2_500);
    const expected = Array.from({ length: 2_500 }, (_, at) => `msg_${at}`);
    expect(ids(state)).toEqual(expected);
    for (let at = 0; at < 1_200; at++) {
      state = prependItems(state, [{ ...message, id: `old_${at}` }]);
      expected.unshift(`old_${at}`);
    }
    expect(ids(state)).toEqual(expected);
    for (const id of ['old_1100', 'msg_0', 'msg_31', 'msg_32', 'msg_1024', 'msg_2499', 'old_0']) {
      state = reduceThread(state, itemRemoved(id));
      expected.splice(expected.indexOf(id), 1);
      expect(selectItem(state, id)).toBeUndefined();
    }
    expect(ids(state)).toEqual(expected);
    for (const id of expected) expect(selectItem(state, id)?.id).toBe(id);
  });
});

describe('the serializer and the schemas', () => {
  it('parse(serialize(event)) keeps every value', () => {
    fc.assert(
      fc.property(threadStreamEvent, (event) => {
        expect(threadStreamEventSchema.parse(JSON.parse(serializeEvent(event)))).toEqual(event);
      }),
      { numRuns: 500 },
    );
  });

  it('parse(serialize(item)) keeps every value', () => {
    fc.assert(
      fc.property(threadItem(), (item) => {
        expect(threadItemSchema.parse(JSON.parse(JSON.stringify(toWireItem(item))))).toEqual(item);
      }),
      { numRuns: 500 },
    );
  });

  it('parse(serialize(thread)) keeps every value but the metadata', () => {
    fc.assert(
      fc.property(thread(), jsonObject, (value, metadata) => {
        const wire = JSON.parse(JSON.stringify(toWireThread({ ...value, metadata })));
        expect(threadSchema.parse(wire)).toEqual(value);
        expect(threadMetadataSchema.parse(wire).metadata).toEqual({});
      }),
    );
  });

  it('serializing twice is serializing once', () => {
    fc.assert(
      fc.property(threadStreamEvent, (event) => {
        expect(JSON.stringify(toWireEvent(toWireEvent(event)))).toBe(serializeEvent(event));
      }),
    );
  });

  it('leaves out a null in the place of any optional field, as if it had been absent', () => {
    const nulls = fc.constantFrom('quoted_text', 'copy_text', 'image', 'output', 'title', 'icon', 'summary', 'answer');
    fc.assert(
      fc.property(threadItem(), nulls, (item, name) => {
        if (name in item) return;
        expect(JSON.stringify(toWireItem({ ...item, [name]: null }))).toBe(JSON.stringify(toWireItem(item)));
        expect(threadItemSchema.parse({ ...item, [name]: null })).toEqual(item);
      }),
    );
  });

  it('never writes the metadata of an attachment or a hidden item of a page', () => {
    const secret = { secret: 'do-not-send' };
    fc.assert(
      fc.property(thread(), threadItem(), (value, item) => {
        const tainted = (entry: ThreadItem): ThreadItem =>
          entry.type === 'user_message'
            ? { ...entry, attachments: entry.attachments.map((file) => ({ ...file, metadata: secret })) }
            : entry;
        const hidden: ThreadItem = { ...item, type: 'hidden_context_item', content: 'do-not-send' } as ThreadItem;
        const all = [...value.items.data.map(tainted), tainted(item)];
        const wire = JSON.stringify([
          all.map(toWireItem),
          toWireThread({ ...value, metadata: secret, items: { data: [hidden, ...all], has_more: false } }),
        ]);
        expect(wire).not.toContain('do-not-send');
      }),
    );
  });

  it('passes on what it does not know', () => {
    fc.assert(
      fc.property(jsonObject, (value) => {
        const event = { ...value, type: 'thread.sparkled' } as unknown as ThreadStreamEvent;
        expect(JSON.parse(serializeEvent(event))).toEqual(event);
      }),
    );
  });
});

describe('createOrderChecker', () => {
  it('passes every legal history, which ends with nothing open', () => {
    fc.assert(
      fc.property(history, (all) => {
        const checker = createOrderChecker();
        for (const event of all) expect(checker.check(event)).toBeUndefined();
        expect(checker.end()).toBeUndefined();
        expect(selectOpenItems(reduceAll(all))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('never throws on events in any order', () => {
    fc.assert(
      fc.property(events, (all) => {
        const checker = createOrderChecker();
        for (const event of all) expect(['string', 'undefined']).toContain(typeof checker.check(event));
      }),
    );
  });
});
