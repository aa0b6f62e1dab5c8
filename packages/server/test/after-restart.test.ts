// A message whose server died before it answered is sent again, under the same run id, to one that has never heard of the run.
import { hiddenContext, isHiddenItem, itemDone } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import type { CreateChatKitServerOptions } from '../src/index.ts';
import {
  ada,
  add,
  allItems,
  create,
  eve,
  eventsOf,
  framesOf,
  named,
  outcomeOf,
  settle,
  shown,
  testServer,
  textOf,
  type User,
} from './support.ts';

const runId = (digit: number) => `run_${String(digit).repeat(24)}`;

/** A thread with one message, and a server that died with the second one in its store. */
const died = async (generateItemId?: (kind: string) => string) => {
  const store = createMemoryStore<User>();
  const options = { store, ...(generateItemId === undefined ? {} : { generateItemId }) };
  const before = testServer({
    ...options,
    respond: scriptedResponder((_, index) => (index === 0 ? [say('a')] : [hang()])),
  });
  const [created] = await before.events(create('One'), { headers: named(runId(1)) });
  const threadId = (created as { thread: { id: string } }).thread.id;
  void before.send(add(threadId, 'Two'), { headers: named(runId(2)) });
  await settle();
  const texts = async () => (await allItems(store, threadId)).map(textOf);
  expect(await texts()).toEqual(['One', 'a', 'Two']);
  const respond = scriptedResponder([say('b')]);
  return { after: testServer({ ...options, respond }), threadId, texts, store, respond };
};

describe('a message that is sent again to a server that was started anew', () => {
  test('is stored once, in its place, and answered', async () => {
    const { after, threadId, texts, respond } = await died();
    await after.events(add(threadId, 'Two'), { headers: named(runId(2)) });
    expect(await texts()).toEqual(['One', 'a', 'Two', 'b']);
    expect(respond.calls).toHaveLength(1);
    // The same words by another run are another message.
    await after.events(add(threadId, 'Two'), { headers: named(runId(3)) });
    expect(await texts()).toEqual(['One', 'a', 'Two', 'b', 'Two', 'b']);
  });

  test('has an id that no other thread can have, whatever run ids a page chooses', async () => {
    const { after, threadId, store } = await died();
    const other = await after.create('Elsewhere', { headers: named(runId(4)) });
    const chosen = [runId(2), 'run_x', `${threadId.slice(4)}_${'2'.repeat(24)}`, `run_${'2'.repeat(23)}`];
    for (const id of chosen) await after.events(add(other, 'Two'), { headers: named(id) });
    const idsOf = async (thread: string) => (await allItems(store, thread)).map(({ id }) => id);
    const ids = [...(await idsOf(threadId)), ...(await idsOf(other))];
    expect(new Set(ids).size).toBe(ids.length);
    const named2 = (thread: string) => `msg_${thread.slice(4)}_${'2'.repeat(24)}`;
    expect(ids.filter((id) => id.endsWith('_222222222222222222222222'))).toEqual([named2(threadId), named2(other)]);
  });

  test('has the id that an application gives it, where it gives its own', async () => {
    let count = 0;
    const { after, threadId, texts } = await died((kind) => `${kind}_${++count}`);
    await after.events(add(threadId, 'Two'), { headers: named(runId(2)) });
    expect(await texts()).toEqual(['One', 'a', 'Two', 'Two', 'b']);
  });
});

describe('a conversation that is begun again on a server that was started anew', () => {
  type Options = Partial<CreateChatKitServerOptions<User>>;

  /** A server that died with a new conversation in its store. */
  const diedBeginning = async (options: Options = {}) => {
    const store = createMemoryStore<User>();
    const before = testServer({ store, respond: scriptedResponder([hang()]), ...options });
    void before.send(create('One'), { headers: named(runId(1)) });
    await settle();
    const threads = async (context = ada) => (await store.listThreads({ limit: 10, order: 'asc' }, context)).data;
    const [thread] = await threads();
    if (thread === undefined) throw new Error('Nothing was stored.');
    const respond = scriptedResponder([say('a')]);
    const texts = async () => (await allItems(store, thread.id)).map(textOf);
    return { after: testServer({ store, respond, ...options }), thread, threads, texts, store, respond };
  };

  test('is the one that is there, with its message once and what was changed of it', async () => {
    const { after, thread, threads, texts, store } = await diedBeginning();
    await store.saveThread({ ...thread, title: 'Mine' }, ada);
    const [created, message] = await after.events(create('One'), { headers: named(runId(1)) });
    expect(created).toMatchObject({ type: 'thread.created', thread: { id: thread.id, title: 'Mine' } });
    expect(message).toMatchObject({ type: 'thread.item.done', item: { type: 'user_message', thread_id: thread.id } });
    expect(await threads()).toMatchObject([{ id: thread.id, title: 'Mine' }]);
    expect(await texts()).toEqual(['One', 'a']);
    // By another run it is another one.
    await after.events(create('One'), { headers: named(runId(2)) });
    expect(await threads()).toHaveLength(2);
  });

  test('takes its message again by the same run also when its client has heard of the thread', async () => {
    const { after, thread, texts } = await diedBeginning();
    await after.events(add(thread.id, 'One'), { headers: named(runId(1)) });
    expect(await texts()).toEqual(['One', 'a']);
  });

  test('takes no message when it has been closed', async () => {
    const { after, thread, texts, store, respond } = await diedBeginning();
    await store.saveThread({ ...thread, status: { type: 'closed' } }, ada);
    const refused = await after.json(create('One'), { headers: named(runId(1)) });
    expect(refused).toMatchObject({ status: 409, error: { code: 'thread.closed' } });
    expect(await texts()).toEqual(['One']);
    expect(respond.calls).toHaveLength(0);
  });

  test('is nobody else’s, whatever run ids a page chooses', async () => {
    const { after, thread, threads } = await diedBeginning();
    const chosen = [runId(1), `run_${thread.id.slice(4)}`];
    for (const id of chosen) await after.events(create('Mine'), { headers: named(id), context: eve });
    const theirs = await threads(eve);
    expect(theirs).toHaveLength(2);
    expect(new Set([thread.id, ...theirs.map(({ id }) => id)]).size).toBe(3);
    expect(await threads()).toEqual([thread]);
  });

  test('is another one where nobody can tell whose it is, or the application makes its own ids', async () => {
    const secret = await diedBeginning({ userOf: () => undefined });
    await secret.after.events(create('One'), { headers: named(runId(1)) });
    expect(await secret.threads()).toHaveLength(2);
    let count = 0;
    const own = await diedBeginning({ generateThreadId: () => `thr_${++count}` });
    await own.after.events(create('One'), { headers: named(runId(1)) });
    expect(await own.threads()).toHaveLength(2);
  });

  test('is another one where the run’s id is not of the usual form: such a one may not be random, and be used again', async () => {
    const { after, threads } = await diedBeginning();
    for (const id of ['1', '1', 'run-1', `run_${'g'.repeat(24)}`]) {
      await after.events(create('One'), { headers: named(id) });
      await settle();
    }
    expect(await threads()).toHaveLength(4); // the second '1' attaches to the first, which is known still
    const later = testServer({ store: after.store, respond: scriptedResponder([say('b')]) });
    await later.events(create('One'), { headers: named('1') });
    expect(await threads()).toHaveLength(5);
  });

  test('may be asked for once more while it waits for its thread', async () => {
    const { after, thread, texts } = await diedBeginning({ busy: 'queue' });
    void after.send(add(thread.id, 'Two'), { headers: named(runId(2)) });
    await settle();
    const asked = [1, 2, 3].map(() => after.send(create('One'), { headers: named(runId(1)) }));
    await settle();
    await after.json({ type: 'runs.cancel', params: { run_id: runId(2) } });
    const answers = await Promise.all(asked);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const frames = await Promise.all(answers.map((answer) => framesOf(answer)));
    expect(frames[1]?.at(-1)).toEqual(frames[0]?.at(-1));
    expect(await texts()).toEqual(['One', 'Two', expect.any(String), 'a']);
  });
});

describe('a message that is said to be sent again, to a server that was started anew', () => {
  const again = (id: string) => ({ ...named(id), 'chatkit-repeat': '1' });

  /** A server that answered what it was asked, and is gone; the one that came after it. */
  const answered = async (...questions: string[]) => {
    const store = createMemoryStore<User>();
    const before = testServer({ store, respond: scriptedResponder([say('old')]) });
    const [first = '', ...others] = questions;
    const threadId = await before.create(first, { headers: named(runId(1)) });
    for (const [index, text] of others.entries())
      await before.events(add(threadId, text), { headers: named(runId(index + 2)) });
    const respond = scriptedResponder([say('new')]);
    const texts = async () => (await allItems(store, threadId)).map(textOf);
    return { after: testServer({ store, respond }), threadId, texts, store, respond };
  };

  test('has one answer: what nobody can tell to be whole is taken back', async () => {
    const { after, threadId, texts } = await answered('One', 'Two');
    const events = await after.events(add(threadId, 'Two'), { headers: again(runId(2)) });
    expect(events[0]).toMatchObject({ type: 'thread.item.done', item: { type: 'user_message' } });
    expect(await texts()).toEqual(['One', 'old', 'Two', 'new']);
  });

  test('has a second answer if it is not said to be, and nothing is taken back', async () => {
    const { after, threadId, texts } = await answered('One', 'Two');
    await after.events(add(threadId, 'Two'), { headers: named(runId(2)) });
    expect(await texts()).toEqual(['One', 'old', 'Two', 'old', 'new']);
  });

  test('has one answer in a conversation that it began', async () => {
    const { after, texts } = await answered('One');
    await after.events(create('One'), { headers: again(runId(1)) });
    expect(await texts()).toEqual(['One', 'new']);
  });

  test('is told the answer that it has when the conversation has gone on, of which nothing is taken back', async () => {
    const { after, threadId, texts, respond } = await answered('One', 'Two', 'Three');
    const frames = await framesOf(await after.send(add(threadId, 'Two'), { headers: again(runId(2)) }));
    expect(shown(eventsOf(frames)).map(textOf)).toEqual(['Two', 'old']);
    expect(outcomeOf(frames)).toBe('completed');
    const [, ...events] = await after.events(create('One'), { headers: again(runId(1)) });
    expect(shown(events).map(textOf)).toEqual(['One', 'old']);
    expect(await texts()).toEqual(['One', 'old', 'Two', 'old', 'Three', 'old']);
    expect(respond.calls).toHaveLength(0);
  });

  test('is told its answer by the server that made it, long after its run has been forgotten', async () => {
    const clock = createVirtualClock();
    const respond = scriptedResponder((_, index) => (index === 2 ? [hang()] : [say(`answer ${index}`)]));
    const { events, send, items, json } = testServer({ clock, respond, retain: { ms: 1_000 } });
    const [created] = await events(create('One'), { headers: named(runId(1)) });
    const threadId = (created as { thread: { id: string } }).thread.id;
    await events(add(threadId, 'Two'), { headers: named(runId(2)) });
    await clock.advance(2_000);
    const frames = await framesOf(await send(add(threadId, 'Two'), { headers: again(runId(2)) }));
    expect(shown(eventsOf(frames)).map(textOf)).toEqual(['Two', 'answer 1']);
    expect(outcomeOf(frames)).toBe('completed');
    // One that was stopped is answered anew.
    const cut = send(add(threadId, 'Three'), { headers: named(runId(3)) });
    await settle();
    await json({ type: 'runs.cancel', params: { run_id: runId(3) } });
    await (await cut).text();
    await clock.advance(2_000);
    await events(add(threadId, 'Three'), { headers: again(runId(3)) });
    expect(respond.calls).toHaveLength(4);
    expect((await items(threadId)).map(textOf)).toEqual(['One', 'answer 0', 'Two', 'answer 1', 'Three', 'answer 3']);
  });

  test('is answered by the server that made its answer if nothing of that can be seen', async () => {
    const clock = createVirtualClock();
    const respond = scriptedResponder(({ thread }, index) =>
      index === 0 ? [itemDone(hiddenContext({ thread_id: thread.id, content: 'none' }))] : [say('answer')],
    );
    const t = testServer({ clock, respond, retain: { ms: 1_000 } });
    const threadId = await t.create('One', { headers: named(runId(1)) });
    await clock.advance(2_000);
    await t.events(create('One'), { headers: again(runId(1)) });
    expect((await t.items(threadId)).map(textOf)).toEqual(['One', 'answer']);
  });

  test('is neither stored nor answered where the store fails to say whether it is there', async () => {
    const { after, threadId, texts, store, respond } = await answered('One', 'Two');
    store.loadItem = () => Promise.reject(new Error('no connection'));
    const refused = await after.json(add(threadId, 'Two'), { headers: again(runId(2)) });
    expect(refused).toMatchObject({ status: 500 });
    expect(await texts()).toEqual(['One', 'old', 'Two', 'old']);
    expect(respond.calls).toHaveLength(0);
  });

  test('is told that it was stopped when it was overtaken, and stops nothing', async () => {
    const store = createMemoryStore<User>();
    const before = testServer({ store, respond: scriptedResponder([hang()]) });
    void before.send(create('One'), { headers: named(runId(1)) });
    await settle();
    const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
    const threadId = thread?.id ?? '';
    // The second is overtaken while it waits, and its server dies in the answer to the third.
    void before.send(add(threadId, 'Two'), { headers: named(runId(2)) });
    void before.send(add(threadId, 'Three'), { headers: named(runId(3)) });
    await settle();
    const texts = async () => (await allItems(store, threadId)).filter((item) => !isHiddenItem(item)).map(textOf);
    expect(await texts()).toEqual(['One', 'Two', 'Three']);

    const respond = scriptedResponder((_, index) => (index === 0 ? [hang()] : [say('answer')]));
    const after = testServer({ store, respond });
    const three = after.send(add(threadId, 'Three'), { headers: again(runId(3)) });
    await settle();
    const two = after.send(add(threadId, 'Two'), { headers: again(runId(2)) }).then(framesOf);
    const one = after.send(create('One'), { headers: again(runId(1)) }).then(framesOf);
    await settle();
    expect(respond.calls.map(({ outcome }) => outcome)).toEqual(['running']);
    await after.json({ type: 'runs.cancel', params: { run_id: runId(3) } });
    await (await three).text();
    expect(shown(eventsOf(await two)).map(textOf)).toEqual(['Two']);
    expect([outcomeOf(await two), outcomeOf(await one)]).toEqual(['cancelled', 'cancelled']);
    expect(respond.calls).toHaveLength(1);
    expect(await texts()).toEqual(['One', 'Two', 'Three']);
  });

  test('is answered under queue when its server died before it began, though others have come', async () => {
    const { after, threadId, texts } = await answered('One');
    const { store } = after;
    const dying = testServer({ store, busy: 'queue', respond: scriptedResponder([hang()]) });
    void dying.send(add(threadId, 'Two'), { headers: named(runId(2)) });
    await settle();
    const later = testServer({ store, busy: 'queue', respond: scriptedResponder([say('new')]) });
    await later.events(add(threadId, 'Three'), { headers: again(runId(3)) });
    const frames = await framesOf(await later.send(add(threadId, 'Two'), { headers: again(runId(2)) }));
    expect(outcomeOf(frames)).toBe('completed');
    expect(await texts()).toEqual(['One', 'old', 'Two', 'Three', 'new', 'new']);
  });

  test('is a new one when it has not arrived before', async () => {
    const { after, threadId, texts } = await answered('One');
    await after.events(add(threadId, 'Two'), { headers: again(runId(5)) });
    expect(await texts()).toEqual(['One', 'old', 'Two', 'new']);
  });
});
