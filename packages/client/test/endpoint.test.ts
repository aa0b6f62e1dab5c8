import { itemDone, structuredInputItem, widgetItem } from '@chatkit/core';
import { hang, say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createChatClient, createThreadList } from '../src/index.ts';
import { requestTypes, settle, testChat, texts, until } from './support/chat.ts';

const answering = (answer: (request: Request) => Response | Promise<Response>) => {
  const seen: Request[] = [];
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const request = new Request(input, init);
    seen.push(request.clone());
    return answer(request);
  };
  return { seen, fetch };
};

describe('requests', () => {
  it('carry fresh headers and opt in, unless told not to', async () => {
    const { seen, fetch } = answering(() => Response.json({ data: [], has_more: false }));
    let token = 0;
    const headers = async () => ({ authorization: `Bearer ${++token}` });
    const client = createChatClient({ url: 'http://chat.test/', fetch, headers });
    await client.listThreads({ limit: 3, after: 'thr_1' });
    await client.listThreads();
    await createChatClient({ url: 'http://chat.test/', fetch, extensions: false }).listThreads();
    expect(seen.map(({ headers }) => headers.get('authorization'))).toEqual(['Bearer 1', 'Bearer 2', null]);
    expect(seen.map(({ headers }) => headers.get('chatkit-client'))).toEqual(['1', '1', null]);
    await createChatClient({ url: 'http://chat.test/', fetch }).send('Hi').done;
    await createChatClient({ url: 'http://chat.test/', fetch, extensions: false }).send('Hi').done;
    expect(seen.slice(3).map(({ headers }) => headers.has('chatkit-run-id'))).toEqual([true, false]);
    expect(await seen[0]?.json()).toEqual({ type: 'threads.list', params: { limit: 3, after: 'thr_1' } });
    expect(await seen[1]?.json()).toEqual({ type: 'threads.list', params: {} });
  });

  it('go with the credentials that are asked for, and otherwise with those of `fetch` itself', async () => {
    const seen: unknown[] = [];
    const fetch: typeof globalThis.fetch = async (_, init = {}) => {
      seen.push('credentials' in init ? init.credentials : 'none');
      return Response.json({ data: [], has_more: false });
    };
    await createChatClient({ url: 'http://chat.test/', fetch, credentials: 'include' }).listThreads();
    await createChatClient({ url: 'http://chat.test/', fetch }).listThreads();
    expect(seen).toEqual(['include', 'none']);
  });

  it('go to a relative url if the application’s own `fetch` knows what it is relative to', async () => {
    const fetch = vi.fn(async () => Response.json({ data: [], has_more: false }));
    await createChatClient({ url: '/chatkit', fetch }).listThreads();
    expect(fetch).toHaveBeenCalledWith('/chatkit', expect.anything());
  });

  it.each([
    [
      'the server’s envelope',
      409,
      { error: { code: 'thread.busy', message: 'Busy.', retryable: true } },
      'thread.busy',
      true,
    ],
    ['a code of a newer server', 400, { error: { code: 'moon.full', message: 'Wait.' } }, 'moon.full', false],
    ['a gateway', 502, '<html>', 'transport.status', true],
    ['an envelope of something else', 502, { error: 'Bad gateway' }, 'transport.status', true],
    ['anything else', 418, '', 'transport.status', false],
  ])('fail with what %s says', async (_, status, body, code, retryable) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const { fetch } = answering(() => new Response(text, { status }));
    const failure = createChatClient({ url: 'http://chat.test/', fetch }).listThreads();
    await expect(failure).rejects.toMatchObject({ name: 'ChatKitError', code, retryable, details: { status } });
  });

  it('fail as unreachable, or with the reason of their signal', async () => {
    const client = createChatClient({
      url: 'http://chat.test/',
      fetch: async () => Promise.reject(new TypeError('x')),
    });
    await expect(client.listThreads()).rejects.toMatchObject({ code: 'transport.network', retryable: true });
    await expect(client.listThreads({ signal: AbortSignal.abort('mine') })).rejects.toBe('mine');
  });

  it('that should stream and do not are errors', async () => {
    const cancel = vi.fn();
    const { fetch } = answering(
      () => new Response(new ReadableStream({ cancel }), { headers: { 'content-type': 'application/json' } }),
    );
    const client = createChatClient({ url: 'http://chat.test/', fetch });
    expect(await client.send('Hi').done).toBe('failed');
    expect(client.getSnapshot().error).toMatchObject({ code: 'transport.status', retryable: false });
    expect(cancel).toHaveBeenCalledOnce();
  });
});

describe('files', () => {
  const file = new File(['bytes'], 'a.txt', { type: 'text/plain' });
  const attachment = { id: 'atc_1', type: 'file', name: 'a.txt', mime_type: 'text/plain' };

  it('go where the server says, without the application’s headers', async () => {
    const { seen: uploads, fetch: uploadFetch } = answering(() => new Response(null, { status: 200 }));
    const descriptor = { url: 'http://files.test/put', method: 'PUT', headers: { 'x-key': '1' } };
    const { seen, fetch } = answering(() => Response.json({ ...attachment, upload_descriptor: descriptor }));
    const headers = { authorization: 'secret' };
    const client = createChatClient({ url: 'http://chat.test/', fetch, uploadFetch, headers });
    expect(await client.uploadFile(file)).toMatchObject({ id: 'atc_1' });
    expect(await seen[0]?.json()).toEqual({
      type: 'attachments.create',
      params: { name: 'a.txt', size: 5, mime_type: 'text/plain' },
    });
    expect(uploads[0]).toMatchObject({ url: 'http://files.test/put', method: 'PUT' });
    expect(uploads[0]?.headers.get('x-key')).toBe('1');
    expect(uploads[0]?.headers.get('authorization')).toBeNull();
    expect(await uploads[0]?.text()).toBe('bytes');
  });

  it('go straight to one address as a form, with them', async () => {
    const { seen, fetch: uploadFetch } = answering(() => Response.json(attachment));
    const client = createChatClient({
      url: 'http://chat.test/',
      uploadFetch,
      headers: { authorization: 'secret' },
      uploads: { type: 'direct', uploadUrl: 'http://chat.test/upload' },
    });
    expect(await client.uploadFile(file)).toEqual(attachment);
    expect(seen[0]).toMatchObject({ url: 'http://chat.test/upload', method: 'POST' });
    expect(seen[0]?.headers.get('authorization')).toBe('secret');
    expect((await seen[0]?.formData())?.get('file')).toMatchObject({ name: 'a.txt', size: 5 });
  });

  it.each([
    ['two_phase', { type: 'two_phase' }],
    ['direct', { type: 'direct', uploadUrl: 'http://files.test/put' }],
  ] as const)('do not go through `fetch`, which may be a WebSocket that carries no bytes (%s)', async (_, uploads) => {
    const descriptor = { url: 'http://files.test/put', method: 'PUT' };
    const { seen, fetch } = answering(() => Response.json({ ...attachment, upload_descriptor: descriptor }));
    const { seen: global, fetch: globalFetch } = answering(() => Response.json(attachment));
    vi.stubGlobal('fetch', globalFetch);
    onTestFinished(() => void vi.unstubAllGlobals());
    const { seen: own, fetch: uploadFetch } = answering(() => Response.json(attachment));
    await createChatClient({ url: 'http://chat.test/', fetch, uploads }).uploadFile(file);
    await createChatClient({ url: 'http://chat.test/', fetch, uploadFetch, uploads }).uploadFile(file);
    for (const sent of [global, own]) expect(sent.map(({ url }) => url)).toEqual(['http://files.test/put']);
    expect(seen.map(({ url }) => url)).toEqual(uploads.type === 'direct' ? [] : Array(2).fill('http://chat.test/'));
  });

  it('of speech go as base64', async () => {
    const { seen, fetch } = answering(() => Response.json({ text: 'hello' }));
    const client = createChatClient({ url: 'http://chat.test/', fetch });
    const bytes = new Uint8Array(100_000).map((_, index) => index);
    expect(await client.transcribe(new Blob([bytes], { type: 'audio/webm;codecs=opus' }))).toEqual({ text: 'hello' });
    expect(await seen[0]?.json()).toEqual({
      type: 'input.transcribe',
      params: { audio_base64: Buffer.from(bytes).toString('base64'), mime_type: 'audio/webm;codecs=opus' },
    });
    await expect(client.transcribe(new Blob())).rejects.toMatchObject({ code: 'request.invalid' });
  });
});

describe('actions and questions', () => {
  it('wait for the answer that is going on; those that are answered at once do not', async () => {
    const action = vi.fn(async function* () {});
    const respond = scriptedResponder((call) => [
      itemDone(widgetItem({ thread_id: call.thread.id, id: 'w1', widget: { type: 'Card', children: [] } })),
      hang(),
    ]);
    const widget = (threadId: string) =>
      widgetItem({ thread_id: threadId, id: 'w1', widget: { type: 'Card', children: [], status: { text: 'done' } } });
    const { client: make, network } = testChat({
      respond,
      action,
      syncAction: async (thread) => ({ updated_item: widget(thread.id) }),
    });
    const client = make();
    const run = client.send('Hi');
    await until(client, () => client.getSnapshot().items.length === 2);
    await client.sendSyncAction({ type: 'tick' }, { itemId: 'w1' });
    expect(client.getSnapshot().items[1]).toMatchObject({ widget: { status: { text: 'done' } } });
    expect(client.getSnapshot().status).toBe('streaming');
    const acted = client.sendAction({ type: 'go', payload: { a: 1 } }, { itemId: 'w1' });
    await settle();
    expect(action).not.toHaveBeenCalled();
    const current = make();
    await current.loadThread(client.getSnapshot().thread?.id ?? '');
    await current.stop();
    expect(await run.done).toBe('cancelled');
    expect(await acted.done).toBe('completed');
    expect(action).toHaveBeenCalledOnce();
    expect(requestTypes(network).at(-1)).toBe('threads.custom_action');
  });

  it('need a thread', () => {
    expect(() => testChat().client().sendAction({ type: 'go' })).toThrow(/send a message first/);
  });

  it('are of the item that is named, by itself or in an object', async () => {
    const sync = { updated_item: undefined };
    const { client: make, network } = testChat({ async *action() {}, syncAction: async () => sync });
    const client = make();
    await client.send('Hi').done;
    const { id } = client.getSnapshot().items[0] ?? { id: '' };
    for (const item of [id, { itemId: id }, {}, undefined]) {
      await client.sendAction({ type: 'go' }, item).done;
      await client.sendSyncAction({ type: 'go' }, item).catch(() => {});
      expect(() => client.addToolOutput(1, item)).toThrow(/No such tool call/);
    }
    const items = network.requests.slice(1).map(({ body }) => JSON.parse(body).params.item_id);
    expect(items).toEqual([id, id, id, id, undefined, undefined, undefined, undefined]);
  });

  it('answer what the assistant wants to know', async () => {
    const respond = scriptedResponder((call, index) =>
      index > 0
        ? [say('Red it is')]
        : [
            itemDone(
              structuredInputItem({
                thread_id: call.thread.id,
                id: 'q1',
                inputs: [{ type: 'freeform', id: 'colour', question: 'Which colour?' }],
              }),
            ),
          ],
    );
    const client = testChat({ respond }).client();
    await client.send('Hi').done;
    await client.sendStructuredInput('q1', { answers: { colour: { values: ['red'], skipped: false } } }).done;
    expect(client.getSnapshot().items[1]).toMatchObject({
      status: 'answered',
      inputs: [{ answer: { values: ['red'] } }],
    });
    expect(texts(client).at(-1)).toBe('Red it is');
  });

  it('take feedback on items', async () => {
    const addFeedback = vi.fn(async () => {});
    const client = testChat({ respond: scriptedResponder([say('ok')]), addFeedback }).client();
    await client.send('Hi').done;
    const id = client.getSnapshot().items[1]?.id ?? '';
    await client.sendFeedback([id], 'positive');
    expect(addFeedback).toHaveBeenCalledWith(expect.objectContaining({ itemIds: [id], kind: 'positive' }), {
      userId: 'ada',
    });
  });
});

describe('the list of threads', () => {
  it('is paged, follows the chat, and undoes what the server refuses', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('ok')]) });
    const writer = make();
    for (let index = 0; index < 3; index += 1) {
      writer.newThread();
      await writer.send(`${index}`).done;
    }
    const client = make();
    const list = createThreadList(client, { limit: 2 });
    const listener = vi.fn();
    const end = list.subscribe(listener);
    await list.refresh();
    expect(list.getSnapshot()).toMatchObject({ status: 'idle', hasMore: true });
    await list.loadMore();
    expect(list.getSnapshot().threads).toHaveLength(3);
    expect(list.getSnapshot().hasMore).toBe(false);
    await client.send('new').done;
    expect(list.getSnapshot().threads.map(({ id }) => id)[0]).toBe(client.getSnapshot().thread?.id);
    const id = list.getSnapshot().threads[1]?.id ?? '';
    await list.rename(id, 'Named');
    expect(list.getSnapshot().threads[1]?.title).toBe('Named');
    network.plan({ status: 503 });
    const removing = list.remove(id);
    expect(list.getSnapshot().threads).toHaveLength(3);
    await expect(removing).rejects.toMatchObject({ code: 'transport.status' });
    expect(list.getSnapshot()).toMatchObject({ error: { retryable: true } });
    expect(list.getSnapshot().threads).toHaveLength(4);
    await list.remove(id);
    expect(list.getSnapshot().threads).toHaveLength(3);
    end();
    const calls = listener.mock.calls.length;
    await list.refresh();
    expect(listener).toHaveBeenCalledTimes(calls);
  });
});

describe('an answer that is none of this protocol', () => {
  const page = () =>
    new Response('<!doctype html><title>Sign in</title>', { headers: { 'content-type': 'text/html' } });

  it.each([
    // It may be a sign-in page.
    ['a page', page, 'There is no ChatKit server at this address (status 200, text/html).', true],
    [
      'nothing',
      () => new Response(null, { status: 204 }),
      'There is no ChatKit server at this address (status 204, no content).',
      false,
    ],
    [
      'half of it',
      () => new Response('{"data":[', { headers: { 'content-type': 'application/json' } }),
      'The server did not answer with JSON.',
      false,
    ],
  ])('(%s) is not taken for a server that cannot be reached', async (_, respond, message, retryable) => {
    const { client: make, network } = testChat();
    const client = make();
    network.plan({ respond }, { respond });
    await expect(client.listThreads()).rejects.toMatchObject({ code: 'transport.status', retryable });
    await expect(client.loadThread('thr_1')).rejects.toMatchObject({ code: 'transport.status' });
    expect(client.getSnapshot().error).toMatchObject({ message });
  });

  it.each([
    [404, 'transport.status', 'There is no ChatKit server at this address (status 404, text/html).'],
    [405, 'transport.status', 'There is no ChatKit server at this address (status 405, text/html).'],
    [401, 'request.unauthorized', 'The server answered with status 401.'],
  ])('(a page with status %i) is told from a refusal', async (status, code, message) => {
    const { fetch } = answering(
      () => new Response('<!doctype html>', { status, headers: { 'content-type': 'text/html' } }),
    );
    const client = createChatClient({ url: 'http://chat.test/chatkitt', fetch });
    expect(await client.send('Hi').done).toBe('failed');
    expect(client.getSnapshot().error).toMatchObject({ code, message });
  });

  it('(a sign-in page) keeps the message, which is sent by retry() once the user has signed in', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('a')]) });
    const client = make();
    network.plan({ respond: page });
    expect(await client.send('Hi').done).toBe('failed');
    expect(client.getSnapshot()).toMatchObject({ error: { code: 'transport.status', retryable: true } });
    expect(await client.retry().done).toBe('completed');
    expect(texts(client)).toEqual(['Hi', 'a']);
  });

  it('that breaks off on the way is one: it may be asked again', async () => {
    const { client: make, network } = testChat();
    network.plan({ respond: () => new Response('{"data":[],"has_more":false}'), cutAfterBytes: 9 });
    await expect(make().listThreads()).rejects.toMatchObject({ code: 'transport.network', retryable: true });
  });

  it('of an engine whose answers have no stream is told at once, not asked for again and again', async () => {
    const bodiless = (response: Response) => Object.defineProperty(response, 'body', { value: undefined });
    for (const [status, message] of [
      [200, 'The server did not answer with events.'],
      [403, 'The server answered with status 403.'],
    ] as const) {
      const { seen, fetch } = answering(() =>
        bodiless(new Response('', { status, headers: { 'content-type': 'text/event-stream' } })),
      );
      const client = createChatClient({ url: 'http://chat.test/', fetch, extensions: true });
      expect(await client.send('Hi').done).toBe('failed');
      expect(client.getSnapshot().error?.message).toBe(message);
      expect(seen).toHaveLength(1);
    }
  });

  it('is not sent back as a file either', async () => {
    const { client: make, network } = testChat();
    const uploads = { type: 'direct', uploadUrl: 'http://chat.test/up' } as const;
    const client = make({ uploads, uploadFetch: network.fetch });
    network.plan({ respond: page });
    await expect(client.uploadFile(new File(['x'], 'x.txt'))).rejects.toMatchObject({ code: 'transport.status' });
  });
});

describe('what a newcomer gets wrong', () => {
  it('no url', () => {
    expect(() => createChatClient({} as never)).toThrow("The client needs the url of a server, such as '/chatkit'.");
    expect(() => createChatClient(undefined as never)).toThrow('The client needs the url of a server');
  });

  it('names an option that there is not, and a setting of the connection that is no number', () => {
    const make = (options: object) => () => createChatClient({ url: '/chatkit', ...options });
    expect(make({ header: {} })).toThrow(/^header is not an option\. There are url, fetch, headers, /);
    expect(make({ connection: { budget: 1 } })).toThrow(/^connection\.budget is not an option\. There are baseMs, /);
    expect(make({ connection: { repeatable: true } })).toThrow(/^connection\.repeatable is not an option\./);
    for (const budgetMs of ['5000', Number.NaN, null])
      expect(make({ connection: { budgetMs } })).toThrow('connection.budgetMs must be a number.');
    expect(make({ headers: undefined, connection: undefined })).not.toThrow();
    expect(make({ connection: { budgetMs: Number.POSITIVE_INFINITY, capMs: undefined } })).not.toThrow();
  });

  it('a url that is relative where there is no page: told at once, not tried for minutes', async () => {
    const client = createChatClient({ url: '/chatkit', extensions: true });
    expect(await client.send('Hi').done).toBe('failed');
    const message = 'Outside a page the url must be absolute, not /chatkit.';
    expect(client.getSnapshot().error).toMatchObject({ code: 'transport.network', retryable: false, message });
    await expect(client.listThreads()).rejects.toMatchObject({ message });
  });

  it('a server that is not there: the cause is kept', async () => {
    const refused = new TypeError('fetch failed');
    const client = createChatClient({ url: 'http://chat.test/', fetch: () => Promise.reject(refused) });
    const read = async () => {
      for await (const event of client.send('Hi')) expect(event).toBeUndefined();
    };
    await expect(read()).rejects.toMatchObject({ code: 'transport.network', cause: refused });
  });
});
