import {
  assistantMessage,
  clientEffect,
  clientToolCall,
  itemAdded,
  itemDone,
  notice,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
  type UserMessageItem,
} from '@chatkit/core';
import { until as after, hang, type NetworkPlan, type ScriptStep, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, it, vi } from 'vitest';
import type { ChatClient, ChatSnapshot } from '../src/index.ts';
import { manualScheduler, noSuchRun, requestTypes, settle, testChat, textOf, texts, until } from './support/chat.ts';
import { atOnce } from './support/schedulers.ts';

const gate = () => {
  let open!: () => void;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
};

/** A script that knows its thread. */
const script = (make: (threadId: string, index: number) => readonly ScriptStep[]) =>
  scriptedResponder((call, index) => make(call.thread.id, index));

/** Threads are kept in the order of time, and a script is written before it is played. */
const created_at = '2099-01-01T00:00:00Z';

/** The first half of a message, … */
const start = (thread_id: string): ScriptStep[] => [
  itemAdded(assistantMessage({ thread_id, id: 'msg_partial', created_at })),
  textDelta('msg_partial', 'par'),
];
/** … its second half, and its end. */
const end = (thread_id: string): ScriptStep[] => [
  textDelta('msg_partial', 'tial'),
  itemDone(assistantMessage({ thread_id, id: 'msg_partial', created_at, text: 'partial' })),
];

it.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['a click', new Event('click')],
  ['a number', 5],
  ['text that is undefined', { text: undefined }],
  ['empty text', ''],
  ['empty text in an object', { text: '', attachments: [] }],
  ['no parts', { content: [] }],
])('send() of %s says what to write, and sends nothing', (_name, input) => {
  const { client: make, network } = testChat();
  const client = make();
  expect(() => client.send(input as never)).toThrow("There is no message to send. Write send('Hello')");
  expect(network.requests).toEqual([]);
  expect(client.getSnapshot().items).toEqual([]);
});

describe('sending', () => {
  it('shows the message at once and the server’s in its place, in one list without a double', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('Hello')]) });
    const client = make();
    const pictures: ChatSnapshot[] = [];
    client.subscribe(() => pictures.push(client.getSnapshot()));
    const run = client.send('Hi');
    expect(client.getSnapshot()).toMatchObject({ status: 'submitting', canStop: true });
    expect(texts(client)).toEqual(['Hi']);
    expect(client.getSnapshot().pendingItemIds.size).toBe(1);
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'Hello']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', canStop: false, error: undefined });
    expect(client.getSnapshot().pendingItemIds.size).toBe(0);
    for (const { items } of pictures) expect(items.filter(({ type }) => type === 'user_message')).toHaveLength(1);
  });

  it('takes parts, files, a quote and options, and shows what it knows of them', async () => {
    const { client: make, network } = testChat();
    const file = { id: 'atc_1', type: 'file', name: 'a.txt', mime_type: 'text/plain' } as const;
    const content = [{ type: 'input_text' as const, text: 'Look' }];
    const messages: [Parameters<ChatClient['send']>[0], object, object][] = [
      [
        { attachments: [file, 'atc_2'] },
        { content: [], attachments: ['atc_1', 'atc_2'], inference_options: {} },
        { content: [], attachments: [file] },
      ],
      [
        { content, text: 'not this', quoted_text: 'that', inference_options: { model: 'm' } },
        { content, attachments: [], quoted_text: 'that', inference_options: { model: 'm' } },
        { content, attachments: [], quoted_text: 'that' },
      ],
    ];
    for (const [message, sent, shown] of messages) {
      const client = make();
      client.send(message);
      expect(client.getSnapshot().items).toMatchObject([shown]);
      await settle();
      expect(JSON.parse(network.requests.at(-1)?.body ?? '').params.input).toEqual(sent);
    }
  });

  it('keeps the message on the screen until the server’s is there, in however small pieces that comes', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('Hello')]) });
    const client = make({ scheduler: atOnce });
    network.plan({ chunkBytes: 50 });
    const run = client.send('Hi');
    const pictures: string[] = [];
    client.subscribe(() => pictures.push(texts(client).join(' ')));
    expect(await run.done).toBe('completed');
    expect(pictures.length).toBeGreaterThan(2);
    for (const picture of pictures) expect(picture).toMatch(/^Hi/);
  });

  it('can be iterated by many, or by nobody', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('a', 'b', 'c')]) });
    const run = make().send('Hi');
    const read = async (limit = Number.POSITIVE_INFINITY) => {
      const types: string[] = [];
      for await (const { type } of run) if (types.push(type) >= limit) break;
      return types;
    };
    const [all, again, two] = await Promise.all([read(), read(), read(2)]);
    expect(all).toEqual(again);
    expect(two).toEqual(all.slice(0, 2));
    expect(all[0]).toBe('thread.created');
    expect(await read()).toEqual([]);
    expect(await make().send('Hi').done).toBe('completed');
  });

  it('goes on in the same thread', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make();
    await client.send('one').done;
    await client.send({ text: 'two', quoted_text: 'ok' }).done;
    expect(texts(client)).toEqual(['one', 'ok', 'two', 'ok']);
    expect(requestTypes(network)).toEqual(['threads.create', 'threads.add_user_message']);
  });

  it('keeps a message that was refused, and sends it again', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    network.plan({
      respond: () =>
        Response.json({ error: { code: 'thread.locked', message: 'Locked.', retryable: false } }, { status: 409 }),
    });
    const client = make();
    const run = client.send('Hi');
    const failure = (async () => {
      for await (const _ of run);
    })();
    await expect(failure).rejects.toMatchObject({ code: 'thread.locked', details: { status: 409 } });
    expect(await run.done).toBe('failed');
    const failed = client.getSnapshot();
    expect(failed).toMatchObject({
      status: 'idle',
      error: { code: 'thread.locked', message: 'Locked.', retryable: false },
    });
    expect(failed.failedItemIds).toEqual(new Set([failed.items[0]?.id]));
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'ok']);
    expect(client.getSnapshot()).toMatchObject({ error: undefined, failedItemIds: new Set() });
  });

  it('does not arrive twice when its answer was lost', async () => {
    const respond = scriptedResponder([say('ok')]);
    const { client: make, network } = testChat({ respond });
    network.plan({ loseAnswer: true }, { status: 502 });
    const client = make();
    expect(await client.send('Hi').done).toBe('completed');
    expect(respond.calls).toHaveLength(1);
    expect(texts(client)).toEqual(['Hi', 'ok']);
  });

  it('tells of effects once, and survives a handler that throws', async () => {
    const thrown = vi.fn();
    process.once('uncaughtException', thrown);
    const respond = scriptedResponder([clientEffect('open', { id: 1 }), say('ok')]);
    const { client: make, network } = testChat({ respond });
    network.plan({ cutAfterBytes: 1_000 });
    const onEffect = vi.fn(() => {
      throw new Error('mine');
    });
    const client = make({ onEffect });
    expect(await client.send('Hi').done).toBe('completed');
    expect(onEffect).toHaveBeenCalledExactlyOnceWith({ type: 'client_effect', name: 'open', data: { id: 1 } });
    expect(texts(client)).toEqual(['Hi', 'ok']);
    expect(thrown).toHaveBeenCalledOnce();
  });

  it('passes over events that it does not know', async () => {
    const odd = { type: 'thread.item.sparkled', item_id: 'x' } as unknown as ThreadStreamEvent;
    const { client: make, network } = testChat();
    const text = (event: object) => `data: ${JSON.stringify(event)}\n\n`;
    const body = text(odd) + text({ type: 'thread.item.updated', item_id: 'x', update: { type: 'new' } }) + text(odd);
    network.plan({ respond: () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }) });
    const run = make({ extensions: false }).send('Hi');
    const seen: string[] = [];
    for await (const { type } of run) seen.push(type);
    expect(seen).toHaveLength(3);
    expect(await run.done).toBe('completed');
  });
});

describe('editing', () => {
  const answer = () => scriptedResponder((call) => [say(`to ${textOf(call.input as UserMessageItem)}`)]);

  it('answers a message in its new words, and takes back what came after it', async () => {
    const respond = answer();
    const { client: make } = testChat({ respond });
    const client = make();
    await client.send('one').done;
    await client.send('two').done;
    const [first] = client.getSnapshot().items;
    const run = client.edit(first?.id ?? '', 'three');
    expect(texts(client)).toEqual(['three']);
    expect(client.getSnapshot()).toMatchObject({ status: 'submitting', failedItemIds: new Set() });
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['three', 'to three']);
    expect(client.getSnapshot().items[0]).toMatchObject({ id: first?.id, created_at: first?.created_at });
    const again = make();
    await again.loadThread(client.getSnapshot().thread?.id ?? '');
    expect(texts(again)).toEqual(['three', 'to three']);
  });

  it('stops the answer in progress first', async () => {
    const respond = scriptedResponder((_, index) => (index === 0 ? [say('old'), hang()] : [say('new')]));
    const { client: make } = testChat({ respond });
    const client = make();
    const old = client.send('one');
    await until(client, () => texts(client).includes('old'));
    const run = client.edit(client.getSnapshot().items[0]?.id ?? '', 'two');
    expect(await old.done).toBe('cancelled');
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['two', 'new']);
  });

  it('leaves everything where it was if it cannot start', async () => {
    const { client: make, network } = testChat({ respond: answer() });
    const client = make();
    await client.send('one').done;
    const [first] = client.getSnapshot().items;
    network.plan({ status: 418 });
    expect(await client.edit(first?.id ?? '', 'two').done).toBe('failed');
    expect(texts(client)).toEqual(['one', 'to one']);
    expect(await client.edit(first?.id ?? '', 'two').done).toBe('completed');
    expect(texts(client)).toEqual(['two', 'to two']);
  });

  it('leaves everything where it was however often it cannot start', async () => {
    const { client: make, network } = testChat({ respond: answer() });
    const client = make({ connection: { budgetMs: 0 } });
    await client.send('one').done;
    network.offline();
    expect(await client.edit(client.getSnapshot().items[0]?.id ?? '', 'two').done).toBe('interrupted');
    expect(texts(client)).toEqual(['one', 'to one']);
    const again = client.retry();
    expect(texts(client)).toEqual(['two']);
    expect(await again.done).toBe('interrupted');
    expect(texts(client)).toEqual(['one', 'to one']);
    network.online();
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['two', 'to two']);
  });

  it('is repeated by retry() if its answer was lost, and carried out once', async () => {
    const respond = answer();
    const { client: make, network } = testChat({ respond });
    const client = make({ connection: { budgetMs: 0 } });
    await client.send('one').done;
    network.plan({ loseAnswer: true });
    expect(await client.edit(client.getSnapshot().items[0]?.id ?? '', 'two').done).toBe('interrupted');
    expect(client.getSnapshot().error?.retryable).toBe(true);
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['two', 'to two']);
    expect(respond.calls).toHaveLength(2);
  });

  it('gives up on a later message that could not be sent, so that retry() is about the edit', async () => {
    const { client: make, network } = testChat({ respond: answer() });
    const client = make();
    await client.send('one').done;
    const id = client.getSnapshot().items[0]?.id ?? '';
    network.plan({ status: 418 });
    expect(await client.send('two').done).toBe('failed');
    network.plan({ status: 401 });
    expect(await client.edit(id, 'three').done).toBe('failed');
    expect(texts(client)).toEqual(['one', 'to one']);
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['three', 'to three']);
    expect(client.getSnapshot().failedItemIds.size).toBe(0);
  });

  it('needs a message of the user that is in the thread', async () => {
    const { client: make } = testChat({ respond: answer() });
    const client = make();
    const missing = expect.objectContaining({ code: 'item.not_found' });
    expect(() => client.edit('msg_1', 'x')).toThrow(expect.objectContaining({ code: 'thread.not_found' }));
    await client.send('one').done;
    for (const id of ['msg_1', client.getSnapshot().items[1]?.id ?? ''])
      expect(() => client.edit(id, 'x')).toThrow(missing);
  });
});

describe('errors of the assistant', () => {
  it('are shown with the server’s text, and answered anew from the message', async () => {
    const respond = scriptedResponder((_, index) =>
      index === 0
        ? [say('half'), { type: 'error', code: 'custom', message: 'Too many questions.', allow_retry: true }]
        : [say('whole')],
    );
    const { client: make, network } = testChat({ respond });
    const client = make();
    await client.send('Hi').done;
    expect(client.getSnapshot().error).toEqual({ code: 'custom', message: 'Too many questions.', retryable: true });
    const again = client.retry();
    expect(texts(client)).toEqual(['Hi']);
    expect(client.getSnapshot().error).toBeUndefined();
    await again.done;
    expect(texts(client)).toEqual(['Hi', 'whole']);
    expect(requestTypes(network).at(-1)).toBe('threads.retry_after_item');
  });

  it('of a retry that cannot start leave the old answer where it was', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('old')]) });
    const client = make();
    await client.send('Hi').done;
    network.plan({ status: 418 });
    expect(await client.retry().done).toBe('failed');
    expect(texts(client)).toEqual(['Hi', 'old']);
    expect(client.getSnapshot().error).toMatchObject({ code: 'transport.status', retryable: false });
  });

  it('need a message to retry', () => {
    expect(() => testChat().client().retry()).toThrow(expect.objectContaining({ code: 'item.not_found' }));
  });
});

describe('stopping', () => {
  it('ends the generator on the server and keeps what was written', async () => {
    const respond = script((id) => [progressUpdate('Thinking'), say('done'), ...start(id), hang()]);
    const { client: make, network } = testChat({ respond });
    const client = make();
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    const stopping = client.stop();
    expect(client.getSnapshot()).toMatchObject({ status: 'stopping', canStop: false });
    await stopping;
    expect(await run.done).toBe('cancelled');
    expect(respond.calls[0]?.outcome).not.toBe('running');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    expect(texts(client)).toEqual(['Hi', 'done', 'par']);
    expect(client.getSnapshot().streamingItemIds.size).toBe(0);
    expect(requestTypes(network)).toEqual(['threads.create', 'runs.cancel']);
    const other = make();
    await other.loadThread(client.getSnapshot().thread?.id ?? '');
    expect(texts(other)).toEqual(['Hi', 'done', 'par']);
  });

  it('works before the first byte', async () => {
    const begun = gate();
    const respond = scriptedResponder([hang()]);
    const { client: make, network } = testChat({ respond });
    network.plan({
      respond: async () => {
        await begun.promise;
        return new Response(null, { status: 503 });
      },
    });
    const client = make();
    const run = client.send('Hi');
    await settle();
    const stopping = client.stop();
    begun.open();
    await stopping;
    expect(await run.done).toBe('cancelled');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
    expect(respond.calls.every(({ outcome }) => outcome !== 'running')).toBe(true);
  });

  it.each(['stop', 'newThread'] as const)('works by %s() of a subscriber that hears of the message', async (method) => {
    const respond = scriptedResponder([hang()]);
    const { client: make, network } = testChat({ respond });
    const client = make();
    const end = client.subscribe(() => {
      end();
      void client[method]();
    });
    const run = client.send('Hi');
    expect(await run.done).toBe(method === 'stop' ? 'cancelled' : 'interrupted');
    await settle();
    // It was not sent any more.
    expect(requestTypes(network)).toEqual([]);
    expect(client.getSnapshot()).toMatchObject({
      status: 'idle',
      error: undefined,
      failedItemIds: { size: method === 'stop' ? 1 : 0 },
    });
  });

  it('hangs up on a server of the reference', async () => {
    const respond = script((id) => [...start(id), hang()]);
    const { client: make, network } = testChat({ respond });
    const client = make({ extensions: false });
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    await client.stop();
    expect(await run.done).toBe('cancelled');
    expect(texts(client)).toEqual(['Hi', 'par']);
    expect(requestTypes(network)).toEqual(['threads.create']);
    await settle();
    expect(respond.calls[0]?.outcome).not.toBe('running');
  });

  it('reaches a run from another client', async () => {
    const respond = script((id) => [...start(id), hang()]);
    const { client: make } = testChat({ respond });
    const one = make();
    const run = one.send('Hi');
    await until(one, () => texts(one).at(-1) === 'par');
    const two = make();
    await two.loadThread(one.getSnapshot().thread?.id ?? '');
    expect(texts(two)).toEqual(['Hi', 'par']);
    expect(two.getSnapshot()).toMatchObject({ status: 'streaming', canStop: true });
    await two.stop();
    expect(await run.done).toBe('cancelled');
    expect(two.getSnapshot().items).toEqual(one.getSnapshot().items);
  });
});

describe('a second message in the middle of an answer', () => {
  it.each([true, false])('stops the first, keeps its text, answers the second (extensions: %s)', async (extensions) => {
    const respond = script((id, index) => (index === 0 ? [...start(id), hang()] : [say('two')]));
    const { client: make } = testChat({ respond });
    const client = make({ extensions });
    const first = client.send('1');
    await until(client, () => texts(client).at(-1) === 'par');
    const second = client.send('2');
    expect(texts(client)).toEqual(['1', 'par', '2']);
    expect(client.getSnapshot().status).toBe('submitting');
    expect(await first.done).toBe('cancelled');
    expect(await second.done).toBe('completed');
    expect(texts(client)).toEqual(['1', 'par', '2', 'two']);
  });

  it('loses none of many', async () => {
    const respond = scriptedResponder((_, index) => (index < 4 ? [hang()] : [say('last')]));
    const { client: make } = testChat({ respond });
    const client = make();
    const runs = ['1', '2', '3', '4', '5'].map((text) => client.send(text));
    expect(await Promise.all(runs.map(({ done }) => done))).toEqual([...Array(4).fill('cancelled'), 'completed']);
    expect(texts(client)).toEqual(['1', '2', '3', '4', '5', 'last']);
  });
});

describe('notifications', () => {
  it('come once a frame, however many deltas there are', async () => {
    const hold = gate();
    const deltas = Array.from({ length: 500 }, (_, index) => `${index} `);
    const { client: make } = testChat({ respond: scriptedResponder([say(...deltas), after(hold.promise)]) });
    const scheduler = manualScheduler();
    const client = make({ scheduler });
    const listener = vi.fn();
    const run = client.send('Hi');
    await settle();
    client.subscribe(listener);
    await settle(60);
    expect(listener).toHaveBeenCalledTimes(0);
    const before = client.getSnapshot();
    scheduler.frame();
    expect(listener).toHaveBeenCalledTimes(1);
    expect(client.getSnapshot()).not.toBe(before);
    expect(textOf(client.getSnapshot().items.at(-1))).toBe(deltas.join(''));
    hold.open();
    await run.done;
    expect(client.getSnapshot().status).toBe('idle');
  });

  it('keep the identity of everything that did not change', async () => {
    const hold = gate();
    const respond = script((id) => [say('one'), notice('info', 'n'), ...start(id), after(hold.promise), ...end(id)]);
    const { client: make } = testChat({ respond });
    const scheduler = manualScheduler();
    const client = make({ scheduler });
    const run = client.send('Hi');
    await settle(60);
    scheduler.frame();
    const before = client.getSnapshot();
    expect(client.getSnapshot()).toBe(before);
    hold.open();
    await settle(60);
    scheduler.frame();
    expect(texts(client).at(-1)).toBe('partial');
    const later = client.getSnapshot();
    expect(later.items.slice(0, 2)).toEqual(before.items.slice(0, 2));
    for (const index of [0, 1]) expect(later.items[index]).toBe(before.items[index]);
    expect(later.items[2]).not.toBe(before.items[2]);
    expect(later.notices).toBe(before.notices);
    expect(Object.isFrozen(later)).toBe(true);
    await run.done;
  });

  it('survive a listener that throws and one that leaves', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make();
    const thrown = vi.fn();
    process.once('uncaughtException', thrown);
    let calls = 0;
    const end = client.subscribe(() => {
      calls += 1;
      end();
      throw new Error('mine');
    });
    const other = vi.fn();
    client.subscribe(other);
    await client.send('Hi').done;
    expect(calls).toBe(1);
    expect(other.mock.calls.length).toBeGreaterThan(1);
    expect(thrown).toHaveBeenCalledWith(expect.objectContaining({ message: 'mine' }), expect.anything());
  });
});

describe('tools of the page', () => {
  const asking = (count: number) =>
    scriptedResponder((info, index) =>
      index === 0
        ? Array.from({ length: count }, (_, at) =>
            itemDone(
              clientToolCall({
                thread_id: info.thread.id,
                id: `tc_${at}`,
                call_id: `c${at}`,
                name: `tool${at}`,
                arguments: { at },
              }),
            ),
          )
        : [say('thanks')],
    );

  it('run when their stream has ended, and the turn goes on as one', async () => {
    const { client: make } = testChat({ respond: asking(1) });
    const onClientTool = vi.fn(async () => {
      expect(client.getSnapshot().status).toBe('streaming');
      return { answer: 42 };
    });
    const client = make({ onClientTool });
    const run = client.send('Hi');
    expect(await run.done).toBe('completed');
    expect(onClientTool).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ name: 'tool0', arguments: { at: 0 }, callId: 'c0', itemId: 'tc_0' }),
    );
    expect(client.getSnapshot().items[1]).toMatchObject({ status: 'completed', output: { answer: 42 } });
    expect(texts(client).at(-1)).toBe('thanks');
  });

  it('run side by side, each with its own result', async () => {
    const respond = asking(3);
    const { client: make } = testChat({ respond });
    const client = make({ onClientTool: ({ name }) => name });
    expect(await client.send('Hi').done).toBe('completed');
    const calls = client.getSnapshot().items.filter((item) => item.type === 'client_tool_call');
    expect(calls.map(({ status, output }) => [status, output])).toEqual([
      ['completed', 'tool0'],
      ['completed', 'tool1'],
      ['completed', 'tool2'],
    ]);
    expect(respond.calls).toHaveLength(2);
  });

  it('that throw or take too long tell the assistant', async () => {
    const { client: make } = testChat({ respond: asking(2) });
    const client = make({
      clientToolTimeoutMs: 10,
      onClientTool: ({ name }) => (name === 'tool0' ? Promise.reject(new Error('No camera.')) : new Promise(() => {})),
    });
    await client.send('Hi').done;
    const outputs = client
      .getSnapshot()
      .items.flatMap((item) => (item.type === 'client_tool_call' ? [item.output] : []));
    expect(outputs).toEqual([{ error: 'No camera.' }, { error: expect.stringContaining('took longer') }]);
  });

  const loop: { self?: unknown } = {};
  loop.self = loop;
  it.each([
    ['a date as text', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['nothing as null', undefined, null],
    ['a function as null', () => 1, null],
    ['what goes in circles as an error', loop, { error: expect.stringMatching(/circular/) }],
    ['what JSON cannot hold as an error', { size: 1n }, { error: expect.stringMatching(/BigInt/) }],
  ])('send %s', async (_, result, output) => {
    const { client: make, store } = testChat({ respond: asking(1) });
    const client = make({ onClientTool: () => result });
    expect(await client.send('Hi').done).toBe('completed');
    const { id = '' } = client.getSnapshot().thread ?? {};
    const stored = await store.listItems(id, { limit: 9, order: 'asc' }, { userId: 'ada' });
    // No output is how `null` is stored.
    for (const item of [client.getSnapshot().items[1], stored.data[1]])
      expect({ output: null, ...item }).toMatchObject({ type: 'client_tool_call', status: 'completed', output });
    expect(texts(client).at(-1)).toBe('thanks');
  });

  it('are answered by hand without a handler', async () => {
    const { client: make } = testChat({ respond: asking(1) });
    const client = make();
    expect(await client.send('Hi').done).toBe('completed');
    expect(client.getSnapshot().items.at(-1)).toMatchObject({ type: 'client_tool_call', status: 'pending' });
    expect(await client.addToolOutput({ ok: true }).done).toBe('completed');
    expect(texts(client).at(-1)).toBe('thanks');
    expect(() => client.addToolOutput(1)).toThrow(expect.objectContaining({ code: 'item.not_pending' }));
  });
});

describe('threads', () => {
  it('are loaded from their end, and further back on demand', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('ok')]) });
    const writer = make();
    for (let turn = 0; turn < 15; turn += 1) await writer.send(`${turn}`).done;
    const reader = make();
    await reader.loadThread(writer.getSnapshot().thread?.id ?? '');
    expect(reader.getSnapshot().items).toEqual(writer.getSnapshot().items.slice(10));
    expect(reader.getSnapshot().hasOlder).toBe(true);
    await Promise.all([reader.loadOlder(), reader.loadOlder()]);
    expect(reader.getSnapshot().items).toEqual(writer.getSnapshot().items);
    expect(reader.getSnapshot().hasOlder).toBe(false);
    await reader.loadOlder();
  });

  it('are loaded once if they are asked for again meanwhile, as by an effect that React runs twice', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const writer = make();
    await writer.send('Hi').done;
    const id = writer.getSnapshot().thread?.id ?? '';
    const client = make();
    const loads = (): number => requestTypes(network).filter((type) => type === 'threads.get_by_id').length;

    await Promise.all([client.loadThread(id), client.loadThread(id)]);
    expect(texts(client)).toEqual(['Hi', 'ok']);
    expect(loads()).toBe(1);
    await client.loadThread(id);
    expect(loads()).toBe(2);

    const failed = expect.objectContaining({ code: 'thread.not_found' });
    const results = await Promise.allSettled([client.loadThread('thr_none'), client.loadThread('thr_none')]);
    expect(results.map((result) => result.status === 'rejected' && result.reason)).toEqual([failed, failed]);
    expect(loads()).toBe(3);
    await client.loadThread(id);

    // What has left the thread in between does not count as meanwhile.
    for (const leave of [
      () => client.newThread(),
      () => client.detach(),
      () => void client.loadThread('thr_none').catch(() => {}),
    ]) {
      const left = client.loadThread(id);
      leave();
      await Promise.all([left, client.loadThread(id)]);
      expect(texts(client)).toEqual(['Hi', 'ok']);
    }
  });

  it('that cannot be loaded say so', async () => {
    const client = testChat().client();
    await expect(client.loadThread('thr_none')).rejects.toMatchObject({ code: 'thread.not_found' });
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: { code: 'thread.not_found' }, items: [] });
  });

  it('without an id say so in the same way', async () => {
    const client = testChat().client();
    await expect(client.loadThread(undefined as never)).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('let go of the run when another is shown; the run goes on', async () => {
    const hold = gate();
    const respond = script((id) => [...start(id), after(hold.promise), ...end(id)]);
    const { client: make } = testChat({ respond });
    const client = make();
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    const id = client.getSnapshot().thread?.id ?? '';
    client.newThread();
    expect(await run.done).toBe('interrupted');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', items: [], thread: undefined, error: undefined });
    await client.loadThread(id);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', connection: 'live' });
    expect(texts(client)).toEqual(['Hi', 'par']);
    hold.open();
    await until(client, () => client.getSnapshot().status === 'idle');
    expect(texts(client)).toEqual(['Hi', 'partial']);
    expect(respond.calls[0]?.outcome).toBe('ended');
  });

  it('that are left right after a message was sent still get it', async () => {
    const hold = gate();
    const { client: make, server } = testChat({ respond: scriptedResponder([say('ok')]) });
    const slow: typeof globalThis.fetch = async (input, init) => {
      const request = new Request(input, init);
      await hold.promise;
      request.signal.throwIfAborted();
      return server.handle(request, { userId: 'ada' });
    };
    const client = make({ fetch: slow });
    const run = client.send('Hi');
    await settle();
    client.newThread();
    expect(await run.done).toBe('interrupted');
    hold.open();
    await settle(30);
    const { data } = await make().listThreads();
    expect(data).toHaveLength(1);
    expect(client.getSnapshot().items).toEqual([]);
  });

  it.each([
    ['a message', 'threads.create'],
    ['a run', 'GET'],
  ])('that are left before %s was answered do not read its answer', async (_, type) => {
    const hold = gate();
    const letGo = vi.fn();
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok'), hang()]) });
    const writer = make();
    if (type === 'GET') {
      writer.send('Hi');
      await until(writer, () => texts(writer).length === 2);
    }
    const headers = { 'content-type': 'text/event-stream', 'chatkit-run-id': 'run_1' };
    const client = make({
      fetch: async (input, init) => {
        const isIt = type === 'GET' ? init?.method !== 'POST' : String(init?.body).includes(type);
        if (!isIt) return network.fetch(input, init);
        init?.signal?.addEventListener('abort', letGo);
        await hold.promise;
        return new Response(new ReadableStream({ cancel: letGo }), { headers });
      },
    });
    if (type === 'GET') void client.loadThread(writer.getSnapshot().thread?.id ?? '');
    else client.send('Hi');
    await settle();
    expect(letGo).not.toHaveBeenCalled();
    client.newThread();
    await settle();
    // A message is to arrive; a run is not asked for any longer.
    expect(letGo).toHaveBeenCalledTimes(type === 'GET' ? 1 : 0);
    hold.open();
    await settle();
    expect(letGo).toHaveBeenCalledTimes(type === 'GET' ? 2 : 1);
  });

  it('show a loaded run’s text whole, never growing again, and repeat no effect', async () => {
    const hold = gate();
    const deltas = Array.from({ length: 200 }, (_, index) => `${index} `);
    const respond = script((id) => [
      clientEffect('open', {}),
      say(...deltas),
      ...start(id),
      after(hold.promise),
      ...end(id),
    ]);
    const { client: make } = testChat({ respond });
    const writer = make();
    const run = writer.send('Hi');
    await until(writer, () => texts(writer).at(-1) === 'par');
    const onEffect = vi.fn();
    const reader = make({ onEffect });
    const pictures: string[][] = [];
    reader.subscribe(() => pictures.push(texts(reader)));
    await reader.loadThread(writer.getSnapshot().thread?.id ?? '');
    hold.open();
    await until(reader, () => reader.getSnapshot().status === 'idle');
    await run.done;
    expect(pictures.filter((picture) => picture.length > 0)[0]).toEqual(['Hi', deltas.join(''), 'par']);
    expect(onEffect).not.toHaveBeenCalled();
    expect(reader.getSnapshot().items).toEqual(writer.getSnapshot().items);
  });

  it('take a message while they are still loading', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const writer = make();
    await writer.send('1').done;
    const reader = make();
    void reader.loadThread(writer.getSnapshot().thread?.id ?? '');
    expect(await reader.send('2').done).toBe('completed');
    expect(texts(reader)).toEqual(['1', 'ok', '2', 'ok']);
    expect(requestTypes(network).slice(1)).toEqual(['threads.get_by_id', 'threads.add_user_message']);
  });

  it('are listed, renamed and deleted', async () => {
    const { client: make } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make();
    await client.send('1').done;
    const id = client.getSnapshot().thread?.id ?? '';
    expect((await client.renameThread(id, 'Greetings')).title).toBe('Greetings');
    expect(client.getSnapshot().thread?.title).toBe('Greetings');
    expect(client.getSnapshot().items).toHaveLength(2);
    expect((await client.listThreads({ limit: 5 })).data.map(({ title }) => title)).toEqual(['Greetings']);
    await client.deleteThread(id);
    expect(client.getSnapshot().items).toEqual([]);
    expect((await client.listThreads()).data).toEqual([]);
  });

  it('of a server that died keep what was seen, and say that it is not all', async () => {
    const hold = gate();
    const { client: make, network } = testChat({ respond: script((id) => [...start(id), after(hold.promise)]) });
    const client = make({ random: () => 0 });
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'par');
    // The new process has the store, and has never heard of the run.
    network.offline();
    network.plan(noSuchRun);
    network.online();
    expect(await run.done).toBe('interrupted');
    expect(await run.closed).toBe('gone');
    expect(texts(client)).toEqual(['Hi', 'par']);
    expect(client.getSnapshot()).toMatchObject({
      status: 'idle',
      error: { code: 'run.interrupted', retryable: true },
      streamingItemIds: new Set(),
    });
    hold.open();
  });

  it('of a server that died before the answer was begun can be answered anew', async () => {
    const hold = gate();
    const { client: make, network } = testChat({
      respond: scriptedResponder((_, index) =>
        index === 0 ? [say('step'), after(hold.promise), say('late')] : [say('anew')],
      ),
    });
    const client = make({ random: () => 0 });
    const run = client.send('Hi');
    await until(client, () => texts(client).at(-1) === 'step');
    network.offline();
    network.plan(noSuchRun);
    network.online();
    expect(await run.done).toBe('interrupted');
    expect(texts(client)).toEqual(['Hi', 'step']);
    expect(client.getSnapshot().error).toMatchObject({ code: 'run.interrupted', retryable: true });
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'anew']);
    hold.open();
  });

  const lost: [string, NetworkPlan, NetworkPlan][] = [
    ['is unknown there, and the network is down', noSuchRun, { refuse: true }],
    ['is no longer in the log, and the network is down', { status: 410 }, { refuse: true }],
    ['is no longer in the log, and a gateway has lost the server', { status: 410 }, { status: 404 }],
    ['is no longer in the log, and Cloudflare has', { status: 410 }, { status: 521 }],
  ];
  it.each(lost)('of a run that %s are asked for again by retry()', async (_, gone, unreachable) => {
    const respond = scriptedResponder([say('one', 'two')]);
    const { client: make, network } = testChat({ respond });
    network.plan({ cutAfterBytes: 900 }, gone, unreachable);
    const client = make({ random: () => 0 });
    const run = client.send('Hi');
    expect(await run.done).toBe('interrupted');
    const code = unreachable.refuse ? 'transport.network' : 'transport.status';
    expect(client.getSnapshot().error).toMatchObject({ code, retryable: true });
    // The run has ended meanwhile, and only the thread has its answer.
    network.plan(gone);
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'onetwo']);
    expect(client.getSnapshot().error).toBeUndefined();
    expect(respond.calls).toHaveLength(1);
  });

  it('that the server lost sight of are shown as they are stored', async () => {
    const { client: make, network } = testChat({
      respond: script((id) => [say('one', 'two'), ...start(id), ...end(id)]),
    });
    network.plan({ cutAfterBytes: 900 }, { status: 410 });
    const client = make();
    let first: ChatSnapshot['items'][number] | undefined;
    client.subscribe(() => {
      const { items, pendingItemIds } = client.getSnapshot();
      if (items.length > 0 && pendingItemIds.size === 0) first ??= items[0];
    });
    const run = client.send('Hi');
    expect(await run.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'onetwo', 'partial']);
    expect(client.getSnapshot().error).toBeUndefined();
    // What did not change is the same object.
    expect(client.getSnapshot().items[0]).toBe(first);
  });
});
