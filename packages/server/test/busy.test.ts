// One run per thread, and what a new message does to the one that is there.
import {
  assistantMessage,
  type ChatKitRequestInput,
  clientToolCall,
  itemDone,
  structuredInputItem,
  type ThreadItem,
  widgetItem,
} from '@chatkit/core';
import { createVirtualClock, hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, test } from 'vitest';
import {
  add,
  cancel,
  create,
  eve,
  eventsOf,
  framesOf,
  halfway,
  input,
  named,
  optIn,
  outcomeOf,
  outline,
  readUntil,
  settle,
  testServer,
  textOf,
} from './support.ts';

const texts = (items: readonly ThreadItem[]) => items.map((item) => textOf(item) || item.type);

describe('interrupt', () => {
  test('a message in the middle stops the answer, keeps its text, and is answered', async () => {
    const t = testServer({ respond: halfway() });
    const first = await t.send(create(), { headers: optIn });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    const second = await t.events(add(id, 'two'));
    expect(outcomeOf(await framesOf(first))).toBe('cancelled');
    expect(outline(second).at(0)).toBe('thread.item.done user_message');
    expect(texts(await t.items(id))).toEqual(['hi', 'half', 'sdk_hidden_context', 'two', 'answer 1']);
  });

  test('a request that cannot be served does not stop the run that is there', async () => {
    const respond = halfway();
    const t = testServer({ respond });
    await t.send(create(), { headers: optIn });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    for (const refused of [
      await t.json(add(id, 'x', { attachments: ['none'] })),
      await t.json(add(id, 'x'), { context: eve }),
      await t.json({ type: 'threads.retry_after_item', params: { thread_id: id, item_id: 'none' } }),
    ]) {
      expect(refused.status).toBe(404);
    }
    expect(await t.json({ type: 'threads.delete', params: { thread_id: id } }, { context: eve })).toEqual({
      status: 200,
    });
    expect(respond.calls[0]?.outcome).toBe('running');
  });

  test.each<[string, (thread_id: string, message: string) => ChatKitRequestInput]>([
    [
      'an action',
      (thread_id) => ({
        type: 'threads.custom_action',
        params: { thread_id, item_id: 'widget', action: { type: 'press' } },
      }),
    ],
    [
      'the output of a tool',
      (thread_id) => ({ type: 'threads.add_client_tool_output', params: { thread_id, result: 1 } }),
    ],
    [
      'the output of one of several tools',
      (thread_id) => ({
        type: 'threads.add_client_tool_output',
        params: { thread_id, item_id: 'call', result: 1 },
      }),
    ],
    [
      'the answer to a question',
      (thread_id) => ({
        type: 'threads.add_structured_input',
        params: { thread_id, item_id: 'question', input: { status: 'skipped', answers: {} } },
      }),
    ],
    ['a retry', (thread_id, item_id) => ({ type: 'threads.retry_after_item', params: { thread_id, item_id } })],
  ])('%s that is overtaken before it began is refused, and leaves nothing', async (_, request) => {
    const clock = createVirtualClock();
    const t = testServer({
      clock,
      cancelGraceMs: 500,
      async *respond(thread, message) {
        const { id: thread_id } = thread;
        if (textOf(message ?? undefined) !== 'hi')
          return yield itemDone(assistantMessage({ thread_id, text: 'answer' }));
        yield itemDone(widgetItem({ thread_id, id: 'widget', widget: { type: 'Card' } }));
        for (const id of ['call', 'other'])
          yield itemDone(clientToolCall({ thread_id, id, call_id: id, name: 'pick', arguments: {} }));
        yield itemDone(structuredInputItem({ thread_id, id: 'question', inputs: [] }));
      },
      async *action() {
        await new Promise(() => {});
      },
    });
    const id = await t.create();
    const before = await t.items(id);
    const first = t.send({ type: 'threads.custom_action', params: { thread_id: id, action: { type: 'stay' } } });
    await settle();
    const overtaken = t.send(request(id, before[0]?.id ?? ''));
    await settle();
    const newest = t.events(add(id, 'newest'));
    await settle();
    await clock.advance(500);
    await Promise.all([first, newest]);
    const refused = await overtaken;
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { code: 'run.cancelled', retryable: true } });
    const after = await t.items(id);
    expect(after.slice(0, before.length)).toEqual(before);
    // The note is that of the action that was stopped.
    expect(texts(after.slice(before.length))).toEqual(['sdk_hidden_context', 'newest', 'answer']);
    expect(t.errors).toEqual([]);
  });

  test('a retry in other words that is overtaken before it began is stored, and not answered', async () => {
    const respond = halfway({ deaf: true });
    const clock = createVirtualClock();
    const t = testServer({ respond, clock, cancelGraceMs: 500 });
    const first = t.events(create('hi'));
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    const [message] = await t.items(id);
    const params = { thread_id: id, item_id: message?.id as string, input: input('in other words') };
    const overtaken = t.events({ type: 'threads.retry_after_item', params });
    await settle();
    const newest = t.events(add(id, 'newest'));
    await settle();
    await clock.advance(500);
    await Promise.all([first, overtaken, newest]);
    expect(texts(await t.items(id)).filter((text) => text !== 'sdk_hidden_context')).toEqual([
      'in other words',
      'newest',
      'answer 1',
    ]);
  });

  test('a retry of an older message stops the answer to a newer one, which it takes back', async () => {
    const respond = scriptedResponder((_, index) => (index === 1 ? [hang()] : [say(`answer ${index}`)]));
    const t = testServer({ respond });
    const id = await t.create('one');
    const [message] = await t.items(id);
    const newer = t.events(add(id, 'two'));
    await settle();
    await t.events({ type: 'threads.retry_after_item', params: { thread_id: id, item_id: message?.id as string } });
    await newer;
    expect(texts(await t.items(id))).toEqual(['one', 'answer 2']);
  });

  test('deleting a thread stops its run first, and nothing of it comes back', async () => {
    const respond = halfway();
    const t = testServer({ respond });
    const response = await t.send(create(), { headers: optIn });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    await t.json({ type: 'threads.delete', params: { thread_id: id } });
    expect(outcomeOf(await framesOf(response))).toBe('cancelled');
    expect(respond.calls[0]?.outcome).toBe('threw');
    expect(await t.items(id)).toEqual([]);
    expect(await t.json({ type: 'threads.list', params: {} })).toMatchObject({ data: [] });
  });
});

describe('reject', () => {
  test('answers 409 and leaves the run alone', async () => {
    const respond = halfway();
    const t = testServer({ respond, busy: 'reject' });
    await t.send(create(), { headers: optIn });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    expect(await t.json(add(id))).toMatchObject({ status: 409, error: { code: 'thread.busy', retryable: true } });
    expect(respond.calls).toHaveLength(1);
    expect(texts(await t.items(id))).toEqual(['hi']);
  });
});

describe('queue', () => {
  const gated = () => {
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const t = testServer({
      busy: 'queue',
      async *respond(thread, message) {
        if (textOf(message ?? undefined) === 'lock') thread.status = { type: 'locked' };
        if (textOf(message ?? undefined) === 'hi')
          return yield itemDone(assistantMessage({ thread_id: thread.id, text: 'ok' }));
        await gate;
        yield itemDone(assistantMessage({ thread_id: thread.id, text: `re: ${textOf(message ?? undefined)}` }));
      },
    });
    return { t, open: () => open() };
  };

  test('messages are answered one after the other, in the order in which they came', async () => {
    const { t, open } = gated();
    const id = await t.create();
    const sent = ['one', 'two', 'three'].map((text) => t.events(add(id, text)));
    await settle();
    open();
    await Promise.all(sent);
    expect(texts(await t.items(id)).slice(2)).toEqual(['one', 're: one', 'two', 're: two', 'three', 're: three']);
  });

  test('the client of a waiting message has its stream at once', async () => {
    const { t, open } = gated();
    const id = await t.create();
    const first = t.events(add(id, 'one'));
    await settle();
    const second = await t.send(add(id, 'two'), { headers: optIn });
    expect(second.status).toBe(200);
    open();
    await first;
    expect(outcomeOf(await framesOf(second))).toBe('completed');
  });

  test('who reads a waiting message gets its answer as it is written, and its end if it is cancelled', async () => {
    const respond = scriptedResponder((_, index) => [say(`answer ${index}`), hang()]);
    const t = testServer({ busy: 'queue', respond });
    void t.send(create(), { headers: named('first') });
    await settle();
    const [{ id }] = (await t.json({ type: 'threads.list', params: {} })).data;
    const second = await t.send(add(id, 'second'), { headers: named('second') });
    const reading = readUntil(second, (events) => JSON.stringify(events).includes('answer 1'));
    const third = framesOf(await t.send(add(id, 'third'), { headers: named('third') }));
    await settle();
    await t.json(cancel('third'));
    expect(outcomeOf(await third)).toBe('cancelled');
    await t.json(cancel('first'));
    expect(outcomeOf(await reading)).toBeUndefined();
  });

  test('a waiting message whose client leaves is forgotten; a cancelled one ends its stream', async () => {
    const { t, open } = gated();
    const id = await t.create();
    const first = t.events(add(id, 'one'));
    await settle();
    const client = new AbortController();
    const left = await t.send(add(id, 'left'), { signal: client.signal });
    const cancelled = await t.send(add(id, 'cancelled'), { headers: { ...optIn, 'chatkit-run-id': 'c' } });
    const again = await t.attach('run=c&after=1-0', { headers: optIn });
    client.abort();
    expect(await t.json({ type: 'runs.cancel', params: { run_id: 'c' } })).toEqual({ status: 200 });
    open();
    await first;
    await left.body?.cancel().catch(() => {});
    expect(outcomeOf(await framesOf(cancelled))).toBe('cancelled');
    expect(outcomeOf(await framesOf(again))).toBe('cancelled');
    expect(texts(await t.items(id)).slice(2)).toEqual(['one', 're: one']);
  });

  test('a message whose thread was locked while it waited ends with an error event, and is not stored', async () => {
    const { t, open } = gated();
    const id = await t.create();
    const first = t.events(add(id, 'lock'));
    await settle();
    const second = await t.send(add(id, 'too late'), { headers: optIn });
    open();
    await first;
    const frames = await framesOf(second);
    expect(outline(eventsOf(frames))).toEqual(['error']);
    expect(outcomeOf(frames)).toBe('failed');
    expect(texts(await t.items(id))).not.toContain('too late');
  });
});
