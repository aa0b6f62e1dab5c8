import {
  assistantMessage,
  emptyThreadState,
  fromThread,
  hiddenContext,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  partAdded,
  prependItems,
  progressUpdate,
  reduceThread,
  selectItem,
  selectItems,
  selectOpenItems,
  type Thread,
  type ThreadState,
  type ThreadStreamEvent,
  textDelta,
  threadUpdated,
  userMessage,
} from '@chatkit/core';
import { describe, expect, it } from 'vitest';

const thread_id = 'thr_1';
const at = '2026-01-02T03:04:05.000Z';
const thread = (over: Partial<Thread> = {}): Thread => ({
  id: thread_id,
  created_at: at,
  status: { type: 'active' },
  metadata: {},
  items: { data: [], has_more: false },
  ...over,
});
const reduceAll = (events: readonly ThreadStreamEvent[], from: ThreadState = emptyThreadState) =>
  events.reduce(reduceThread, from);
const message = (id: string, text?: string) => assistantMessage({ thread_id, id, created_at: at, text });
const textOf = (state: ThreadState, id: string) => {
  const item = selectItem(state, id);
  return item?.type === 'assistant_message' ? item.content.map((part) => part.text) : undefined;
};

describe('reduceThread', () => {
  it('appends text deltas and pads the parts before one that is written first', () => {
    const state = reduceAll([itemAdded(message('m')), textDelta('m', 'He', 1), textDelta('m', 'llo', 1)]);
    expect(textOf(state, 'm')).toEqual(['', 'Hello']);
    expect(selectItems(state)[0]).toBe(selectItem(state, 'm'));
    expect(selectOpenItems(state)).toEqual([selectItem(state, 'm')]);
  });

  it('keeps earlier states as they were', () => {
    const one = reduceAll([itemAdded(message('m')), textDelta('m', 'a')]);
    const two = reduceAll([textDelta('m', 'b')], one);
    const other = reduceAll([textDelta('m', 'c')], one);
    expect([textOf(one, 'm'), textOf(two, 'm'), textOf(other, 'm')]).toEqual([['a'], ['ab'], ['ac']]);
  });

  it('settles an item by done and by replaced, in place', () => {
    const start = reduceAll([itemAdded(message('a')), itemAdded(message('b'))]);
    const state = reduceAll([itemDone(message('a', 'A')), itemReplaced(message('b', 'B'))], start);
    expect(selectItems(state).map((item) => item.id)).toEqual(['a', 'b']);
    expect(textOf(state, 'a')).toEqual(['A']);
    expect(selectOpenItems(state)).toEqual([]);
  });

  it('puts a part that is added or done in the place of what was streamed', () => {
    const state = reduceAll([itemAdded(message('m')), textDelta('m', 'x'), partAdded('m', { text: 'y' })]);
    expect(textOf(state, 'm')).toEqual(['y']);
  });

  it('drops removed items and forgets that they were open', () => {
    const state = reduceAll([itemAdded(message('a')), itemAdded(message('b')), itemRemoved('a')]);
    expect(selectItems(state).map((item) => item.id)).toEqual(['b']);
    expect(selectOpenItems(state).map((item) => item.id)).toEqual(['b']);
    expect(selectItem(state, 'a')).toBeUndefined();
    expect(selectItems(reduceAll([itemAdded(message('a'))], state)).map((item) => item.id)).toEqual(['b', 'a']);
  });

  it('keeps the items when the thread is updated', () => {
    const before = fromThread(thread({ items: { data: [message('a', 'A')], has_more: true, after: 'a' } }));
    const after = reduceThread(before, threadUpdated(thread({ title: 'New' })));
    expect(after.thread?.title).toBe('New');
    expect(after.thread?.items).toBe(before.thread?.items);
    expect(selectItems(after)).toBe(selectItems(before));
  });

  it('clears progress at the next visible item only', () => {
    const started = reduceThread(emptyThreadState, progressUpdate('Searching', { icon: 'search' }));
    expect(started.progress).toEqual({ icon: 'search', text: 'Searching' });
    const hidden = reduceThread(started, itemDone(hiddenContext({ thread_id, content: 'x' })));
    expect(hidden.progress).toBe(started.progress);
    expect(reduceThread(hidden, itemAdded(message('m'))).progress).toBeUndefined();
  });

  it('prepends pages that overlap', () => {
    const state = reduceAll([itemDone(message('c')), itemDone(message('d'))]);
    const older = prependItems(prependItems(state, [message('b'), message('c')]), [message('a'), message('b')]);
    expect(selectItems(older).map((item) => item.id)).toEqual(['a', 'b', 'c', 'd']);
    expect(prependItems(older, [message('b')])).toBe(older);
  });

  it('leaves out what is no thread and no item, since a browser does not parse them', () => {
    const data = [null, undefined, 'x', {}, message('a'), { id: 1 }] as never[];
    const state = fromThread(thread({ items: { data, has_more: false } }));
    expect(selectItems(state)).toEqual([message('a')]);
    expect(prependItems(state, data)).toBe(state);
    for (const none of [null, undefined, 'x', {}] as never[])
      expect(reduceThread(state, threadUpdated(none))).toBe(state);
  });

  it('ignores a delta that is no text behind one that is', () => {
    const state = reduceAll([itemAdded(message('m')), textDelta('m', 'a')]);
    for (const delta of [undefined, null, 1, {}] as never[])
      expect(reduceThread(state, textDelta('m', delta))).toBe(state);
  });

  it('ignores what it does not know and gives back the same state', () => {
    const state = reduceAll([itemDone(userMessage({ thread_id, id: 'u', text: 'hi' })), itemAdded(message('m'))]);
    const unknown = [
      { type: 'thread.sparkled' },
      { type: 'thread.item.updated', item_id: 'm', update: { type: 'assistant_message.sparkled' } },
      { type: 'thread.item.updated', item_id: 'none', update: { type: 'widget.root.updated', widget: {} } },
      { type: 'thread.item.updated', item_id: 'u', update: { type: 'workflow.task.added', task_index: 0, task: {} } },
      { type: 'client_effect', name: 'x', data: {} },
      { type: 'thread.item.removed', item_id: 'none' },
      textDelta('m', 'x', 1e9),
      { type: 'thread.item.added' },
    ] as unknown as ThreadStreamEvent[];
    for (const event of unknown) expect(reduceThread(state, event)).toBe(state);
  });
});
