import {
  assistantMessage,
  ChatKitError,
  clientToolCall,
  itemAdded,
  itemDone,
  partAdded,
  textDelta,
} from '@chatkit/core';
import { createVirtualClock, hang, type ScriptStep, say, scriptedResponder, wait } from '@chatkit/testing';
import { describe, expect, it, vi } from 'vitest';
import type { ChatClientOptions, HeadersSource } from '../src/index.ts';
import { noSuchRun, requestTypes, testChat, texts } from './support/chat.ts';

const unauthorized = {
  respond: () =>
    Response.json({ error: { code: 'request.unauthorized', message: 'Sign in.', retryable: false } }, { status: 401 }),
};

const message = (thread_id: string, text = '') => assistantMessage({ id: 'msg_1', thread_id, text });
const beginningOf = (thread_id: string): ScriptStep[] => [
  itemAdded(message(thread_id)),
  partAdded('msg_1', {}, 0),
  textDelta('msg_1', 'one '),
];
const endOf = (thread_id: string): ScriptStep[] => [textDelta('msg_1', 'two'), itemDone(message(thread_id, 'one two'))];

/** A chat in the middle of its first answer, whose connection breaks next. */
const answering = async (options: Partial<ChatClientOptions> = {}, ...more: readonly ScriptStep[]) => {
  const clock = createVirtualClock({ startMs: 1_000_000 });
  const respond = scriptedResponder(
    ({ thread }, index) =>
      index === 0 ? [...beginningOf(thread.id), wait(5_000), ...endOf(thread.id), ...more] : [say('anew')],
    { clock },
  );
  const chat = testChat({ respond, clock });
  const client = chat.client({ clock, random: () => 0.5, connection: { budgetMs: 60_000 }, ...options });
  const run = client.send('Hi');
  await clock.advance(100);
  const breaks = () => {
    chat.network.offline();
    chat.network.online();
  };
  return { ...chat, client, clock, run, respond, breaks };
};

/** Headers with the token of the time, and what each call of them was told. */
const tokens = () => {
  const asked: unknown[] = [];
  const headers: HeadersSource = (refused) => {
    asked.push(refused);
    return { authorization: `Bearer ${asked.length}` };
  };
  return { asked, headers };
};

describe('credentials that are refused', () => {
  it.each([401, 403])('are asked for once more, and the same request goes again (%s)', async (status) => {
    const { asked, headers } = tokens();
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make({ headers });
    network.plan({ status });
    expect(await client.send('Hi').done).toBe('completed');
    network.plan({ status });
    await client.listThreads();
    expect(asked).toEqual([undefined, status, undefined, status]);
    expect(network.requests.map(({ headers }) => headers.get('authorization'))).toEqual([
      'Bearer 1',
      'Bearer 2',
      'Bearer 3',
      'Bearer 4',
    ]);
    const [first, second] = network.requests;
    expect(second?.body).toBe(first?.body);
    expect(second?.headers.get('chatkit-run-id')).toBe(first?.headers.get('chatkit-run-id'));
  });

  it('leave no body open', async () => {
    const cancel = vi.fn();
    const { client: make, network } = testChat();
    network.plan({ respond: () => new Response(new ReadableStream({ cancel }), { status: 401 }) });
    await make({ headers: tokens().headers }).listThreads();
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('are asked for once more in the middle of an answer, which goes on', async () => {
    const { asked, headers } = tokens();
    const { client, clock, run, network, breaks } = await answering({ headers });
    network.plan(unauthorized);
    breaks();
    await clock.advance(10_000);
    expect(await run.done).toBe('completed');
    expect(asked).toEqual([undefined, undefined, 401]);
    expect(texts(client)).toEqual(['Hi', 'one two']);
  });

  it('are not sent twice where nothing can make others', async () => {
    const { client: make, network } = testChat();
    network.plan(unauthorized);
    const client = make({ headers: { authorization: 'Bearer 1' } });
    await expect(client.listThreads()).rejects.toMatchObject({ code: 'request.unauthorized' });
    expect(network.requests).toHaveLength(1);
  });

  it('are not waited for where their function says that there are none', async () => {
    const headers = (refused?: number) => {
      if (refused !== undefined) throw new ChatKitError('request.unauthorized', 'Signed out.');
      return {};
    };
    const { client, clock, run, network, breaks } = await answering({ headers });
    network.plan(unauthorized);
    breaks();
    await clock.advance(1_000);
    expect(await run.closed).toBe('refused');
    expect(client.getSnapshot().error).toEqual({
      code: 'request.unauthorized',
      message: 'Signed out.',
      retryable: true,
    });
  });

  describe('or that cannot be made', () => {
    const fault = new TypeError('token() is not a function');
    const throws = async () => Promise.reject(fault);
    const failure = { code: 'request.unauthorized', message: 'The headers of the request could not be made.' };

    it('are said to be the cause, and no request is sent', async () => {
      const { client: make, network } = testChat();
      const failed = expect.objectContaining({ ...failure, cause: fault });
      await expect(make({ headers: throws }).listThreads()).rejects.toEqual(failed);
      await expect(make({ headers: { 'x-a': 'b\nc' } }).listThreads()).rejects.toMatchObject(failure);
      const client = make({ headers: throws });
      expect(await client.send('Hi').closed).toBe('refused');
      expect(client.getSnapshot()).toMatchObject({ error: failure, connection: 'none' });
      expect(network.requests).toHaveLength(0);
    });

    it.each(['Failed to fetch', 'fetch failed', 'Load failed', 'NetworkError when attempting to fetch resource.'])(
      'are made again later if there was no network (%s)',
      async (message) => {
        let isOnline = true;
        let failures = 0;
        const headers = async () => {
          if (isOnline) return {};
          failures++;
          throw new TypeError(message);
        };
        const { client, clock, run, breaks } = await answering({ headers });
        isOnline = false;
        breaks();
        await clock.advance(20_000);
        expect(failures).toBeGreaterThan(2);
        isOnline = true;
        await clock.advance(30_000);
        expect(await run.done).toBe('completed');
        expect(texts(client)).toEqual(['Hi', 'one two']);
      },
    );
  });

  it.each([
    ['the server', unauthorized],
    ['a gateway, 401', { status: 401 }],
    ['a gateway, 403', { status: 403 }],
  ])('by %s: what was written stays, the reason is said, and retry goes on', async (_, refusal) => {
    const { client, clock, run, network, respond, breaks } = await answering({ headers: () => ({}) });
    network.plan(refusal, refusal);
    breaks();
    await clock.advance(1_000);
    expect([await run.closed, await run.done]).toEqual(['refused', 'failed']);
    expect(client.getSnapshot()).toMatchObject({
      status: 'idle',
      error: { code: 'request.unauthorized', retryable: true },
    });
    expect(texts(client)).toEqual(['Hi', 'one ']);

    const again = client.retry();
    await clock.advance(1_000);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', error: undefined });
    await clock.advance(10_000);
    expect([await again.closed, await again.done]).toEqual(['end', 'completed']);
    expect(texts(client)).toEqual(['Hi', 'one two']);
    expect(respond.calls).toHaveLength(1);
    expect(requestTypes(network)).toEqual(['threads.create', 'GET', 'GET', 'GET']);
  });

  it('and once more when it is tried again: nothing is lost by it', async () => {
    const { client, clock, network, breaks } = await answering();
    network.plan(unauthorized, unauthorized);
    breaks();
    await clock.advance(1_000);
    expect(await client.retry().done).toBe('failed');
    expect(client.getSnapshot().error).toMatchObject({ code: 'request.unauthorized', retryable: true });
    expect(texts(client)).toEqual(['Hi', 'one ']);
    const again = client.retry();
    await clock.advance(10_000);
    expect(await again.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'one two']);
  });

  it.each([1_000, 60_000])('refresh goes on too, or shows the end of it (after %s ms)', async (afterMs) => {
    const { client, clock, network, breaks } = await answering();
    network.plan(unauthorized);
    breaks();
    await clock.advance(afterMs);
    expect(client.getSnapshot().error).toMatchObject({ code: 'request.unauthorized' });
    await client.refresh();
    await clock.advance(10_000);
    expect(texts(client)).toEqual(['Hi', 'one two']);
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: undefined });
  });

  it('keep a message from being sent: it stays, and can be sent', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const client = make();
    network.plan(unauthorized);
    expect(await client.send('Hi').done).toBe('failed');
    const { error, failedItemIds } = client.getSnapshot();
    expect(error).toMatchObject({ code: 'request.unauthorized', retryable: true });
    expect(failedItemIds.size).toBe(1);
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'ok']);
  });

  it('are not what a turn is over by: tools of the page still run', async () => {
    const onClientTool = vi.fn(() => 'done');
    const call = (thread_id: string) => clientToolCall({ thread_id, call_id: 'c1', name: 'act', arguments: {} });
    const clock = createVirtualClock({ startMs: 1_000_000 });
    const respond = scriptedResponder(
      ({ thread }, index) => (index === 0 ? [say('one'), wait(5_000), itemDone(call(thread.id))] : [say('two')]),
      { clock },
    );
    const { client: make, network } = testChat({ respond, clock });
    const client = make({ clock, random: () => 0.5, onClientTool });
    client.send('Hi');
    await clock.advance(100);
    network.offline();
    network.online();
    network.plan(unauthorized);
    await clock.advance(1_000);
    client.retry();
    await clock.advance(10_000);
    expect(onClientTool).toHaveBeenCalledOnce();
    expect(texts(client).at(-1)).toBe('two');
  });
});

describe('an answer whose connection was not to be had again in time', () => {
  it('goes on by retry, and is not begun anew', async () => {
    const { client, clock, network, run, respond } = await answering({}, hang());
    network.offline();
    await clock.advance(120_000);
    expect(await run.closed).toBe('drop');
    network.online();
    client.retry();
    await clock.advance(1_000);
    expect(texts(client)).toEqual(['Hi', 'one two']);
    expect(client.getSnapshot()).toMatchObject({ status: 'streaming', error: undefined });
    expect(respond.calls).toHaveLength(1);
  });

  it('is answered anew when its server has died', async () => {
    const { client, clock, network } = await answering();
    network.offline();
    await clock.advance(120_000);
    network.online();
    network.plan(noSuchRun);
    expect(await client.retry().closed).toBe('gone');
    expect(client.getSnapshot().error).toMatchObject({ retryable: true });
    const anew = client.retry();
    await clock.advance(1_000);
    expect(await anew.done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'anew']);
  });

  it('of another conversation is not gone on with', async () => {
    const { client, clock, network } = await answering();
    network.offline();
    await clock.advance(120_000);
    network.online();
    client.newThread();
    expect(() => client.retry()).toThrow(expect.objectContaining({ code: 'item.not_found' }));
  });
});

describe('a page that is looked at again', () => {
  it('keeps what a server that died took with it, and what is said of it', async () => {
    const { client, clock, network, run, breaks } = await answering();
    network.plan(noSuchRun);
    breaks();
    await clock.advance(1_000);
    expect(await run.closed).toBe('gone');
    network.plan({
      respond: async (request) => {
        const { params } = JSON.parse(await request.text());
        const { thread, items } = client.getSnapshot();
        expect(params.thread_id).toBe(thread?.id);
        return Response.json({ ...thread, items: { data: items.slice(0, 1), has_more: false } });
      },
    });
    await client.refresh();
    expect(texts(client)).toEqual(['Hi', 'one ']);
    expect(client.getSnapshot().error).toMatchObject({ code: 'run.interrupted' });
  });

  it('keeps the reason that the assistant gave, until the conversation has gone on elsewhere', async () => {
    const error = { type: 'error', code: 'custom', message: 'Too many questions.', allow_retry: true } as const;
    const respond = scriptedResponder((_, index) => (index === 0 ? [error] : [say('ok')]));
    const { client: make } = testChat({ respond });
    const [client, other] = [make(), make()];
    await client.send('Hi').done;
    await client.refresh();
    expect(client.getSnapshot().error).toMatchObject({ message: 'Too many questions.' });
    await other.loadThread(client.getSnapshot().thread?.id ?? '');
    await other.send('Again').done;
    await client.refresh();
    expect(texts(client)).toEqual(['Hi', 'Again', 'ok']);
    expect(client.getSnapshot().error).toBeUndefined();
  });
});
