// What an application returns where a string is expected.
import { ChatKitError } from '@chatkit/core';
import { say, scriptedResponder } from '@chatkit/testing';
import { expect, test } from 'vitest';
import {
  add,
  create,
  eventsOf,
  framesOf,
  named,
  type Options,
  outcomeOf,
  settle,
  testServer,
  textOf,
} from './support.ts';

const respond = scriptedResponder([say('an answer')]);

test.each<[string, Options, string]>([
  ['a promise of an id for a thread', { generateThreadId: (async () => 'thr_1') as never }, 'generateThreadId() must'],
  ['no id for a thread', { generateThreadId: (() => undefined) as never }, 'generateThreadId() must'],
  ['a promise of an id for an item', { generateItemId: (async () => 'msg_1') as never }, 'generateItemId() must'],
  ['an empty id for an item', { generateItemId: () => '' }, 'generateItemId() must'],
  ['an id for a thread that no store takes', { generateThreadId: () => 'x'.repeat(201) }, 'generateThreadId() must'],
  ['an id for an item with a NUL', { generateItemId: () => 'a\0' }, 'generateItemId() must'],
  ['a promise of a user', { userOf: (async () => 'ada') as never }, 'userOf() must'],
  ['null for a user', { userOf: (() => null) as never }, 'userOf() must'],
])('%s is the application’s mistake, not the client’s, and is named', async (_, options, message) => {
  const t = testServer({ respond, ...options });
  const answer = await t.send(create());
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('must');
  await settle();
  expect(t.errors.map(String)).toEqual([expect.stringContaining(message)]);
});

test('what is thrown there, even if it is nothing, is the application’s mistake too', async () => {
  const t = testServer({
    respond,
    generateItemId() {
      throw null;
    },
  });
  expect((await t.send(create())).status).toBe(500);
});

test('an id of any other kind is a good one', async () => {
  let count = 0;
  const next = () => {
    count += 1;
    return `${count}`;
  };
  const t = testServer({ respond, generateThreadId: next, generateItemId: next, userOf: () => undefined });
  const id = await t.create();
  await t.events(add(id, 'Two'));
  expect((await t.items(id)).map(textOf)).toEqual(['hi', 'an answer', 'Two', 'an answer']);
});

test.each([undefined, null, 'x'])('%j for stream options ends the turn with an error', async (options) => {
  const t = testServer({ respond, getStreamOptions: () => options as never });
  expect((await t.events(create())).at(-1)).toMatchObject({ type: 'error' });
  expect(t.errors.map(String)).toEqual([expect.stringContaining('getStreamOptions() must')]);
});

test('details of an error that are no JSON are not sent, and the request is answered', async () => {
  const t = testServer({
    respond,
    async addFeedback() {
      throw new ChatKitError('request.forbidden', 'Not here.', { details: { size: 1n } });
    },
  });
  const feedback = { thread_id: await t.create(), item_ids: ['a'], kind: 'positive' as const };
  expect(await t.json({ type: 'items.feedback', params: feedback })).toEqual({
    status: 403,
    error: { code: 'request.forbidden', message: 'Not here.', retryable: false },
  });
});

test('stream options that are no JSON end the turn with an error, and break no connection', async () => {
  const t = testServer({ respond, getStreamOptions: () => ({ allow_cancel: true, size: 1n }) as never });
  const frames = await framesOf(await t.send(create(), { headers: named('r') }));
  expect(eventsOf(frames).at(-1)).toMatchObject({ type: 'error' });
  expect(outcomeOf(frames)).toBe('failed');
  expect(t.errors.map(String)).toEqual([expect.stringContaining('stream_options')]);
});
