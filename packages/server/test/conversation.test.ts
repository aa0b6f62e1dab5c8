// `ChatKit-Conversation`: whoever begins a conversation under a name that has a thread is in that thread.
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { ada, allItems, create, eve, testServer, textOf, type User } from './support.ts';

const of = (conversation: string) => ({ headers: { 'chatkit-conversation': conversation } });

describe.each([1, 2])('two first messages at once, on %i', (machines) => {
  test.each(['interrupt', 'queue'] as const)('under %s: one thread with both', async (busy) => {
    const store = createMemoryStore<User>();
    const shared = { store, log: createMemoryLog(), busy, ...(machines === 1 ? {} : { lease: createMemoryLease() }) };
    const servers = Array.from({ length: machines }, () =>
      testServer({ ...shared, respond: scriptedResponder(() => [say('a')]) }),
    );
    const answers = await Promise.all(
      ['One', 'Two'].map((text, i) => servers[i % machines]?.events(create(text), of('c'))),
    );
    const threads = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
    expect(threads).toHaveLength(1);
    const [id] = threads.map((thread) => thread.id);
    for (const events of answers) expect(events?.[0]).toMatchObject({ type: 'thread.created', thread: { id } });
    const texts = (await allItems(store, id as string)).filter(({ type }) => type === 'user_message').map(textOf);
    expect(texts.sort()).toEqual(['One', 'Two']);
    for (const { errors, server } of servers) {
      expect(errors).toEqual([]);
      await server.close();
    }
  });
});

test('under reject the second is told that the thread is busy', async () => {
  const t = testServer({ busy: 'reject', respond: scriptedResponder(() => [say('a')]) });
  const answers = await Promise.all(['One', 'Two'].map((text) => t.send(create(text), of('c'))));
  expect(answers.map(({ status }) => status)).toEqual([200, 409]);
  for (const { body } of answers) await body?.cancel();
});

test('a name is its user’s, goes on after a restart, and is no other kind of name', async () => {
  const store = createMemoryStore<User>();
  const server = () => testServer({ store, respond: scriptedResponder(() => [say('a')]) });
  const id = await server().create('One', of('c'));
  expect(await server().create('Two', of('c'))).toBe(id);
  const others = [
    await server().create('Three', { ...of('c'), context: eve }),
    await server().create('Four', of('d')),
    await server().create('Five', { headers: { 'chatkit-client': '1', 'chatkit-run-id': 'c' } }),
    await server().create('Six'),
  ];
  expect(new Set([id, ...others]).size).toBe(5);
  expect((await allItems(store, id)).map(textOf)).toEqual(['One', 'a', 'Two', 'a']);
});

test('a thread under whose id the application begins another is not overwritten: the message is added, or refused', async () => {
  const t = testServer({ generateThreadId: () => 'thr_mine', respond: scriptedResponder(() => [say('a')]) });
  const thread = { id: 'thr_mine', created_at: '2026-01-01T00:00:00Z', metadata: { plan: 'pro' }, title: 'Mine' };
  await t.store.saveThread({ ...thread, status: { type: 'active' } }, ada);
  expect(await t.create('One')).toBe('thr_mine');
  expect((await t.store.loadThread('thr_mine', ada)).thread).toMatchObject(thread);
  expect((await t.items('thr_mine')).map(textOf)).toEqual(['One', 'a']);
  await t.store.saveThread({ ...thread, status: { type: 'locked' } }, ada);
  expect(await t.json(create('Two'))).toMatchObject({ status: 409, error: { code: 'thread.locked' } });
  expect((await t.store.loadThread('thr_mine', ada)).thread.status).toEqual({ type: 'locked' });
});

test.each(['', 'a b', 'x'.repeat(129), 'a/b'])('a name like %j is refused', async (name) => {
  expect(await testServer().json(create(), of(name))).toMatchObject({
    status: 400,
    error: { code: 'request.invalid', details: { path: 'ChatKit-Conversation' } },
  });
});
