// What JavaScript can pass that TypeScript would not: the call itself says what it takes, and nothing is sent.
import { createMemoryStore } from '@chatkit/store/memory';
import { say, scriptedResponder } from '@chatkit/testing';
import { describe, expect, it } from 'vitest';
import { type ChatClient, createChatClient, createThreadList } from '../src/index.ts';
import { requestTypes, testChat } from './support/chat.ts';

// biome-ignore lint/suspicious/noExplicitAny: what has no types
type Untyped = any;

describe('an option of the wrong kind is named when the client is made', () => {
  it.each([
    ['a clock without methods', { clock: {} }, 'clock must be { now, setTimeout, clearTimeout }.'],
    ['a class for a clock', { clock: Date }, 'clock must be { now, setTimeout, clearTimeout }.'],
    ['a page that cannot be listened to', { page: {} }, 'page must be { listen }.'],
    ['a number for a function', { random: 0.5 }, 'random must be a function.'],
    ['a name for a function', { scheduler: 'raf' }, 'scheduler must be a function.'],
    ['an address for a fetch', { fetch: '/chatkit' }, 'fetch must be a function.'],
    ['one tool for the handler of all', { onClientTool: {} }, 'onClientTool must be a function.'],
    ['a list for a handler', { onEffect: [] }, 'onEffect must be a function.'],
    ['a strategy by its name', { uploads: 'direct' }, 'uploads must be an object.'],
    ['a text for a time', { requestTimeoutMs: '5s' }, 'requestTimeoutMs must be a number.'],
    ['no number', { clientToolTimeoutMs: Number.NaN }, 'clientToolTimeoutMs must be a number.'],
    ['a text for yes or no', { extensions: 'yes' }, 'extensions must be a boolean.'],
    ['a number for the connection', { connection: 5 }, 'connection must be an object.'],
  ])('%s', (_, option, message) => {
    expect(() => createChatClient({ url: 'http://chat.test/', ...(option as object) })).toThrow(new TypeError(message));
  });

  it('and one that is undefined is none', () => {
    const none = { fetch: undefined, clock: undefined, page: undefined, uploads: undefined, connection: undefined };
    expect(() => createChatClient({ url: 'http://chat.test/', ...none })).not.toThrow();
  });
});

const message = "There is no message to send. Write send('Hello') or send({ text, attachments }).";
const calls: [string, (client: ChatClient) => unknown, string][] = [
  ['content that is a text', (client) => client.send({ content: 'Hi' } as Untyped), message],
  ['edited content that is a text', (client) => client.edit('msg_1', { content: 'Hi' } as Untyped), message],
  ['attachments that are no list', (client) => client.send({ text: 'Hi', attachments: 'file_1' } as Untyped), message],
  ['an edit of no message', (client) => client.edit(undefined as Untyped, 'Hi'), 'messageId must be a string.'],
  ['a listener that is none', (client) => client.subscribe(undefined as Untyped), 'listener must be a function.'],
  ['a file by its name', (client) => client.uploadFile('a.png' as Untyped), 'file must be a Blob.'],
];

describe('a call with something of the wrong kind says what it takes, and does nothing', () => {
  it.each(calls)('%s', async (_, call, expected) => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('a')]), store: createMemoryStore() });
    const client = make();
    await client.send('Hi').done;
    const before = [client.getSnapshot(), requestTypes(network)];
    await expect(async () => call(client)).rejects.toThrow(TypeError);
    await expect(async () => call(client)).rejects.toThrow(expected);
    expect([client.getSnapshot(), requestTypes(network)]).toEqual(before);
  });

  it('or leaves it to the server, where that says it as well', async () => {
    const client = testChat({ respond: scriptedResponder([say('a')]) }).client();
    await client.send('Hi').done;
    const wrong = 'msg_1' as Untyped;
    await expect(client.sendFeedback(wrong, 'positive')).rejects.toThrow('params.item_ids must be of type array.');
    await expect(client.renameThread({} as Untyped, 'A')).rejects.toThrow('params.thread_id must be of type string.');
    expect(await client.sendAction(undefined as Untyped).done).toBe('failed');
    expect(client.getSnapshot().error?.message).toBe('params.action is missing.');
  });

  it('or fails at once, not as if the network were down', async () => {
    const { client: make, network } = testChat({ respond: scriptedResponder([say('a')]) });
    const client = make();
    await client.send('Hi').done;
    const action = { type: 'buy', payload: { price: 1n } } as Untyped;
    const refused = { code: 'request.invalid', message: expect.stringMatching(/BigInt/), retryable: false };
    expect(await client.sendAction(action).done).toBe('failed');
    expect(client.getSnapshot()).toMatchObject({ status: 'idle', error: refused });
    await expect(client.sendSyncAction(action)).rejects.toMatchObject(refused);
    expect(requestTypes(network)).toEqual(['threads.create']);
  });

  it('a list of threads without a client', () => {
    for (const client of [undefined, {}] as Untyped[])
      expect(() => createThreadList(client)).toThrow(new TypeError('client must be { listThreads, subscribe }.'));
  });
});
