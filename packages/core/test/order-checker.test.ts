import {
  assistantMessage,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  partAdded,
  partDone,
  progressUpdate,
  streamOptions,
  type Thread,
  type ThreadStreamEvent,
  textDelta,
  threadCreated,
  userMessage,
  widgetItem,
  widgetRootUpdated,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { describe, expect, it } from 'vitest';

const base = { thread_id: 'thr_1', created_at: '2026-01-02T03:04:05Z' };
const message = (id: string, text?: string) => assistantMessage({ ...base, id, text });
const thread: Thread = {
  id: 'thr_1',
  created_at: base.created_at,
  status: { type: 'active' },
  metadata: {},
  items: { data: [], has_more: false },
};
const card = { type: 'Card' as const, children: [] };
const task = { type: 'custom' as const, status_indicator: 'none' as const };
const options = streamOptions({ allow_cancel: true });

const check = (events: ThreadStreamEvent[]) => {
  const checker = createOrderChecker();
  const problems = events.map((event) => checker.check(event)).filter((problem) => problem !== undefined);
  return [...problems, checker.end()].filter((problem) => problem !== undefined);
};

const illegal: [rule: string, events: ThreadStreamEvent[], problem: string][] = [
  ['the thread is created first', [options, threadCreated(thread)], 'thread.created is not the first event.'],
  ['stream options come once', [options, options], 'stream_options comes twice.'],
  [
    'a stream is about one thread',
    [threadCreated(thread), itemDone(assistantMessage({ ...base, thread_id: 'thr_2', id: 'm' }))],
    'The stream is about thread thr_1, not thr_2.',
  ],
  ['updated comes after added', [textDelta('m', 'x')], 'Item m is updated before it is added.'],
  [
    'added comes once',
    [itemAdded(message('m')), itemAdded(message('m')), itemDone(message('m'))],
    'Item m is added after it was added.',
  ],
  ['added comes before done', [itemDone(message('m')), itemAdded(message('m'))], 'Item m is added after it was done.'],
  ['done comes once', [itemDone(message('m')), itemDone(message('m'))], 'Item m is done after it was done.'],
  [
    'updated comes before done',
    [itemAdded(message('m')), itemDone(message('m')), textDelta('m', 'x')],
    'Item m is updated after it was done.',
  ],
  [
    'nothing comes after removed',
    [itemAdded(message('m')), itemRemoved('m'), itemDone(message('m'))],
    'Item m is done after it was removed.',
  ],
  ['removed comes once', [itemRemoved('m'), itemRemoved('m')], 'Item m is removed after it was removed.'],
  [
    'an update fits the item',
    [itemAdded(message('m')), workflowTaskAdded('m', task, 0), itemDone(message('m'))],
    'Item m is of type assistant_message, not workflow.',
  ],
  [
    'an item keeps its type from added to done',
    [itemAdded(message('m')), itemDone(workflowItem({ ...base, id: 'm' })), itemReplaced(message('m'))],
    'Item m is of type assistant_message, not workflow.',
  ],
  [
    'a part is added once',
    [itemAdded(message('m')), partAdded('m'), partAdded('m'), itemDone(message('m'))],
    'Part 0 of item m is added twice.',
  ],
  [
    'parts come without a gap',
    [itemAdded(message('m')), partAdded('m', {}, 2), itemDone(message('m'))],
    'Part 2 of item m comes before part 0.',
  ],
  [
    'nothing comes for a part after it is done',
    [itemAdded(message('m')), partDone('m', {}), textDelta('m', 'x'), itemDone(message('m'))],
    'Part 0 of item m is updated after it was done.',
  ],
  [
    'a task is added before it is updated',
    [
      itemAdded(workflowItem({ ...base, id: 'w' })),
      workflowTaskUpdated('w', task, 0),
      itemDone(workflowItem({ ...base, id: 'w' })),
    ],
    'Part 0 of item w is updated before it is added.',
  ],
  ['every item that is added is done', [itemAdded(message('m'))], 'Item m is added and never done.'],
];

describe('createOrderChecker', () => {
  it.each(illegal)('%s', (_rule, events, problem) => {
    expect(check(events)).toEqual([problem]);
  });

  it('passes a whole turn', () => {
    expect(
      check([
        threadCreated(thread),
        itemDone(userMessage({ ...base, id: 'u', text: 'hi' })),
        options,
        progressUpdate('Thinking'),
        itemAdded(message('m')),
        partAdded('m'),
        textDelta('m', 'He'),
        textDelta('m', 'llo'),
        partDone('m', { text: 'Hello' }),
        partAdded('m', {}, 1),
        itemDone(message('m', 'Hello')),
        itemReplaced(message('m', 'Hello!')),
      ]),
    ).toEqual([]);
  });

  it('passes what may be about items that are older than the stream', () => {
    expect(
      check([
        options,
        widgetRootUpdated('old widget', card),
        workflowTaskAdded('old workflow', task, 3),
        workflowTaskUpdated('old workflow', task, 1),
        itemReplaced(message('old message', 'x')),
        itemRemoved('old item'),
      ]),
    ).toEqual([]);
  });

  it('passes updates of a widget that is done, as after an action', () => {
    const widget = widgetItem({ ...base, id: 'w', widget: card });
    expect(check([itemDone(widget), widgetRootUpdated('w', card)])).toEqual([]);
  });

  it('passes over types that it does not know', () => {
    const unknown = [
      { type: 'thread.sparkled' },
      { type: 'thread.item.updated', item_id: 'x', update: { type: 'hologram.turned' } },
    ] as unknown as ThreadStreamEvent[];
    expect(check(unknown)).toEqual([]);
  });
});
