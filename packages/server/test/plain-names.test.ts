// A plain client that names what it asks for: its run, and its conversation.
import { itemDone, userMessage } from '@chatkit/core';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { expect, test } from 'vitest';
import { ada, add, create, eve, eventsOf, framesOf, settle, testServer, textOf } from './support.ts';

const run = { 'chatkit-run-id': `run_${'1'.repeat(24)}` };

test('a run that a plain client named is not begun twice, and its answers stay plain', async () => {
  const respond = scriptedResponder([say('a')]);
  const { create: begin, send, items } = testServer({ respond });
  const threadId = await begin('One');
  const frames = await Promise.all(
    [1, 2].map(async () => framesOf(await send(add(threadId, 'Two'), { headers: run }))),
  );
  frames.push(await framesOf(await send(add(threadId, 'Two'), { headers: run })));
  for (const each of frames) {
    expect(each).toEqual(frames[0]);
    expect(each.every(({ id, event }) => id === undefined && event === undefined)).toBe(true);
  }
  expect(eventsOf(frames[0] ?? [])[0]).toMatchObject(
    itemDone(userMessage({ id: expect.any(String), thread_id: threadId, created_at: expect.any(String), text: 'Two' })),
  );
  expect((await items(threadId)).map(textOf)).toEqual(['One', 'a', 'Two', 'a']);
});

test('it ends with its last reader, as that of any plain client', async () => {
  const respond = scriptedResponder((_, index) => [say(`a${index}`), ...(index === 0 ? [] : [hang()])]);
  const { create: begin, send } = testServer({ respond });
  const threadId = await begin('One');
  const leave = [new AbortController(), new AbortController()];
  // Held, as whoever writes it to a client does: with it the request goes, and its signal.
  const answers: Response[] = [];
  for (const { signal } of leave) answers.push(await send(add(threadId, 'Two'), { headers: run, signal }));
  leave[0]?.abort();
  await settle();
  expect(respond.calls[1]?.signal?.aborted).toBe(false);
  leave[1]?.abort();
  await settle();
  expect(respond.calls[1]?.signal?.aborted).toBe(true);
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
});

test('the thread of a conversation is found by its name, by the user whose it is', async () => {
  const headers = { 'chatkit-conversation': 'abc' };
  const { events, json } = testServer({ respond: scriptedResponder([say('a')]) });
  const ask = { type: 'threads.get_by_id', params: { thread_id: 'any' } } as const;
  expect(await json(ask, { headers })).toMatchObject({ status: 404, error: { code: 'thread.not_found' } });
  const [first] = await events(create('One'), { headers, context: ada });
  const id = first?.type === 'thread.created' ? first.thread.id : '';
  expect(await json(ask, { headers, context: ada })).toMatchObject({ id });
  expect(await json(ask, { headers, context: eve })).toMatchObject({ error: { code: 'thread.not_found' } });
  expect(await json(ask, { headers: { 'chatkit-conversation': 'a b' } })).toMatchObject({ status: 400 });
});
