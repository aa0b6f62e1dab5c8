import { type ChatSnapshot, createChatClient } from '@chatkit/client';
import { taskItem, userMessage } from '@chatkit/core';
import { expect, test } from 'vitest';
import { INTERRUPTED, STOPPED } from '../shared/endings.ts';
import { currentWork, isSaidBy, sending, troubleOf } from '../web/parts/current-work.ts';

const empty = createChatClient({ url: 'http://chat.test/chatkit' }).getSnapshot();
const progress = { text: 'Searching…', icon: 'search' };
const chat = (change: Partial<ChatSnapshot>): ChatSnapshot => ({ ...empty, ...change });

test.each<[string, Partial<ChatSnapshot>, string | undefined]>([
  ['a message on its way', { status: 'submitting', connection: 'connecting' }, sending.text],
  ['what the assistant does', { status: 'streaming', connection: 'live', progress }, 'Searching…'],
  ['nothing beside text that grows', { status: 'streaming', connection: 'live' }, undefined],
  ['a model that is silent', { status: 'streaming', connection: 'silent', progress }, 'Still waiting for the model'],
  ['a connection that broke', { status: 'streaming', connection: 'reconnecting', progress }, 'Reconnecting…'],
  ['nothing of an answer that is not wanted', { status: 'stopping', connection: 'reconnecting' }, undefined],
])('the line below the answer says %s', (_, change, text) => {
  const work = currentWork(chat(change));
  if (text === undefined) expect(work).toBeUndefined();
  else expect(work?.text).toContain(text);
});

test('a question that nobody answers is told from one that is being answered, and from one that was not sent', () => {
  const items = [userMessage({ id: 'msg_1', thread_id: 'thr_1', text: 'Hi' })];
  const error = { code: 'x', message: 'No.', retryable: false };
  expect(troubleOf(chat({ items }))?.message).toBe('This answer was interrupted.');
  expect(troubleOf(chat({ items, status: 'streaming' }))).toBeUndefined();
  expect(troubleOf(chat({}))).toBeUndefined();
  expect(troubleOf(chat({ items, failedItemIds: new Set(['msg_1']) }))?.message).toBe('This message was not sent.');
  // An error says it better, and may be all that there is.
  expect(troubleOf(chat({ items, error, failedItemIds: new Set(['msg_1']) }))).toBe(error);
  expect(troubleOf(chat({ error }))).toBe(error);
  const gone = { ...error, code: 'thread.not_found', message: 'There is no thread with the id "thr_1".' };
  expect(troubleOf(chat({ items, error: gone }))?.message).toMatch(/^This conversation was deleted/);
});

test('an answer that its server did not finish can be had anew, one that the user stopped is what it is', () => {
  const ended = (title: string) =>
    taskItem({ thread_id: 'thr_1', task: { type: 'custom', status_indicator: 'none', title } });
  const trouble = troubleOf(chat({ items: [ended(INTERRUPTED)] }));
  expect(trouble?.retryable).toBe(true);
  // Not twice.
  expect(isSaidBy(trouble, ended(INTERRUPTED))).toBe(true);
  const told = { code: 'run.interrupted', message: 'The answer was interrupted.', retryable: true };
  expect(isSaidBy(troubleOf(chat({ items: [ended(INTERRUPTED)], error: told })), ended(INTERRUPTED))).toBe(true);
  expect(isSaidBy({ message: 'No.', retryable: true }, ended(INTERRUPTED))).toBe(false);
  expect(troubleOf(chat({ items: [ended(INTERRUPTED)], status: 'submitting' }))).toBeUndefined();
  expect(troubleOf(chat({ items: [ended(STOPPED)] }))).toBeUndefined();
});
