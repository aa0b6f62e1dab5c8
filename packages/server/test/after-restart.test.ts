// A message whose server died before it answered is sent again, under the same run id, to one that has never heard of the run.
import { createMemoryStore } from '@chatkit/store/memory';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import { add, allItems, create, named, settle, testServer, textOf, type User } from './support.ts';

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
    expect(ids.filter((id) => id.includes('_', 4))).toEqual([named2(threadId), named2(other)]);
  });

  test('has the id that an application gives it, where it gives its own', async () => {
    let count = 0;
    const { after, threadId, texts } = await died((kind) => `${kind}_${++count}`);
    await after.events(add(threadId, 'Two'), { headers: named(runId(2)) });
    expect(await texts()).toEqual(['One', 'a', 'Two', 'Two', 'b']);
  });
});
