import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import readme from '../README.md?raw';
import { type ChatClient, createChatClient, messageText } from '../src/index.ts';

/** A chat with a server in the page: real streams, real frames. */
const chat = (words: readonly string[], pause: () => Promise<void>): ChatClient => clientOf(chatServer(words, pause));

const chatServer = (words: readonly string[], pause: () => Promise<void>) =>
  createChatKitServer({
    store: createMemoryStore(),
    async *respond(thread) {
      const base = { thread_id: thread.id, id: `msg_${crypto.randomUUID()}`, created_at: '2099-01-01T00:00:00Z' };
      yield itemAdded(assistantMessage(base));
      for (const word of words) {
        await pause();
        yield textDelta(base.id, word);
      }
      yield itemDone(assistantMessage({ ...base, text: words.join('') }));
    },
  });

const clientOf = (server: ReturnType<typeof chatServer>): ChatClient =>
  createChatClient({
    url: 'http://chat.test/chatkit',
    fetch: async (input, init) => server.handle(new Request(input, init), { userId: 'ada' }),
  });

const frame = () => new Promise<void>((resolve) => requestAnimationFrame(() => resolve()));

describe('in a browser', () => {
  let page: HTMLElement;
  beforeEach(() => {
    page = document.body.appendChild(document.createElement('div'));
    page.innerHTML = '<ul></ul><form><input name="text" value="Hi"><button></button></form>';
  });
  afterEach(() => page.remove());

  it('the page of the README runs as it stands, and changes only what changed', async () => {
    const [, code = ''] = /## A page without a framework\n\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const client = chat(['Hel', 'lo'], frame);
    new Function('client', 'messageText', code)(client, messageText);
    page.querySelector('button')?.click();
    const shown = () => [...page.querySelectorAll('li')].map(({ textContent }) => textContent);
    await expect.poll(() => shown()).toEqual(['Hi', 'Hello']);
    await expect.poll(() => page.querySelector('[aria-busy]')).toBeNull();
    expect(client.getSnapshot().status).toBe('idle');
  });

  it('the address of the README brings a page back into the middle of an answer', async () => {
    const [, code = ''] = /going on:\n\n```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const address = { hash: '' };
    const browser = { replaceState: (_state: null, _title: string, hash: string) => Object.assign(address, { hash }) };
    const openPage = (client: ChatClient) =>
      new Function('client', 'location', 'history', code)(client, address, browser);
    let goOn = () => {};
    const hold = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let words = 0;
    const server = chatServer(['Hel', 'lo'], async () => {
      words += 1;
      if (words > 1) await hold;
    });
    const before = clientOf(server);
    openPage(before);
    before.send('Hi');
    const shown = (client: ChatClient) => client.getSnapshot().items.map(messageText);
    await expect.poll(() => shown(before)).toEqual(['Hi', 'Hel']);
    before.detach();
    const after = clientOf(server);
    openPage(after);
    await expect.poll(() => shown(after)).toEqual(['Hi', 'Hel']);
    expect(after.getSnapshot()).toMatchObject({ status: 'streaming', connection: 'live' });
    goOn();
    await expect.poll(() => shown(after)).toEqual(['Hi', 'Hello']);
  });

  it('a frame is told of once, however much comes in it', async () => {
    const client = chat(
      Array.from({ length: 3_000 }, () => 'x'),
      async () => {},
    );
    let told = 0;
    let frames = 0;
    let isOver = false;
    const count = () => {
      frames += 1;
      if (!isOver) requestAnimationFrame(count);
    };
    const run = client.send('Hi');
    client.subscribe(() => {
      told += 1;
    });
    requestAnimationFrame(count);
    await run.done;
    isOver = true;
    // Beside the frames: the end of the turn, and a frame that was asked for before the first one was counted.
    expect(told).toBeLessThanOrEqual(frames + 2);
    expect(client.getSnapshot().items.at(-1)).toMatchObject({ content: [{ text: 'x'.repeat(3_000) }] });
  });
});
