import {
  assistantMessage,
  fromThread,
  itemAdded,
  itemDone,
  progressUpdate,
  selectItems,
  type ThreadItem,
  textDelta,
} from '@chatkit/core';
import { expect, it } from 'vitest';
import {
  addOutgoing,
  applyEvents,
  beginTurn,
  type ChatState,
  emptyChatState,
  giveUpOutgoing,
  showStored,
  showThread,
} from '../src/chat-state.ts';
import { createOutgoing } from '../src/outgoing-message.ts';

const created_at = '2026-01-01T00:00:00Z';
const message = (id: string) => assistantMessage({ id, thread_id: 'thr_1', created_at, text: id });
const threadOf = (...ids: string[]) => {
  const items = { data: ids.map(message), has_more: false };
  return fromThread({ id: 'thr_1', created_at, status: { type: 'active' }, metadata: {}, items });
};
const showing = (...ids: string[]): ChatState => ({ ...emptyChatState, thread: threadOf(...ids) });
const idsOf = ({ thread }: ChatState) => selectItems(thread).map(({ id }: ThreadItem) => id);
const error = { code: 'transport.interrupted', message: 'Lost.', retryable: true };

it('a thread that has nothing in common with what is shown takes its place', () => {
  expect(idsOf(showThread(showing('1', '2'), threadOf('3'), undefined))).toEqual(['3']);
  const joined = showThread({ ...showing('1', '2'), olderCursor: '1' }, threadOf('2', '3'), '2');
  expect([idsOf(joined), joined.olderCursor]).toEqual([['1', '2', '3'], '1']);
});

it('a stored thread without the last item takes the place of an error only if it has gone on', () => {
  const lost = { ...showing('1', '2'), error };
  expect(showStored(lost, threadOf('1'), undefined)).toBe(lost);
  // Without an error nothing was lost: it was taken back elsewhere.
  expect(idsOf(showStored(showing('1', '2'), threadOf('1'), undefined))).toEqual(['1']);
  const wentOn = showStored(lost, threadOf('1', '3'), undefined);
  expect([idsOf(wentOn), wentOn.error]).toEqual([['1', '3'], undefined]);
});

it('a turn that begins on a connection that exists says how that is', () => {
  expect(beginTurn(emptyChatState, 'submitting').connection).toBe('connecting');
  expect(beginTurn({ ...emptyChatState, connection: 'live' }, 'streaming').connection).toBe('live');
});

it('text that was stopped does not grow, and ends as the server says', () => {
  const begun = applyEvents(showing(), [itemAdded({ ...message('1'), content: [] }), textDelta('1', 'one ')]);
  const frozen = applyEvents({ ...begun, frozen: true }, [textDelta('1', 'two '), progressUpdate('Looking')]);
  expect(frozen.thread).toBe(begun.thread);
  expect(selectItems(applyEvents(frozen, [itemDone(message('1'))]).thread)).toEqual([message('1')]);
});

it('the first event makes it stream, unless a message is still on its way or it is being stopped', () => {
  const sending = addOutgoing(showing(), createOutgoing('Hi', 'run_1', 'thr_1'));
  const statusAfter = (state: ChatState) => applyEvents(state, [itemDone(message('1'))]).status;
  expect(statusAfter(sending)).toBe('submitting');
  expect(statusAfter({ ...showing(), status: 'submitting' })).toBe('streaming');
  expect(statusAfter({ ...showing(), status: 'stopping' })).toBe('stopping');
});

it('a message that waits for its thread leaves it loading, and one that is given up leaves nothing submitting', () => {
  const outgoing = createOutgoing('Hi', 'run_1', 'thr_1');
  expect(addOutgoing({ ...emptyChatState, status: 'loading' }, outgoing).status).toBe('loading');
  const one = addOutgoing(showing(), outgoing);
  expect(giveUpOutgoing(one, 'run_1').status).toBe('idle');
  const two = addOutgoing(one, createOutgoing('More', 'run_2', 'thr_1'));
  expect(giveUpOutgoing(two, 'run_1').status).toBe('submitting');
});
