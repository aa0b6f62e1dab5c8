import {
  generatedImageItem,
  itemAdded,
  itemDone,
  itemRemoved,
  type ThreadItem,
  type ThreadStreamEvent,
  userMessage,
} from '@chatkit/core';
import type { ChatTransport, UIMessage, UIMessageChunk } from 'ai';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { history, threadStreamEvent } from '../../core/test/arbitraries/event.ts';
import { rebuildMessage } from '../src/ui-message/rebuild-message.ts';
import { firstItemOf, toUiMessageChunks, type UiMessageChunk } from '../src/ui-message/to-ui-message-chunks.ts';
import { toUiMessages } from '../src/ui-message/to-ui-messages.ts';
import { ChatPage } from './chat-page.ts';

vi.setConfig({ testTimeout: 60_000 });

async function* iterate<T>(all: readonly T[]): AsyncGenerator<T> {
  yield* all;
}

const collect = async (chunks: AsyncIterable<UiMessageChunk>): Promise<UIMessageChunk[]> => {
  const all: UIMessageChunk[] = [];
  // The wire has no `undefined`.
  for await (const chunk of chunks) all.push(JSON.parse(JSON.stringify(chunk)));
  return all;
};

/** A network that is lost after `count` chunks, in the words of Chromium. */
const streamOf = (chunks: readonly UIMessageChunk[], count = chunks.length): ReadableStream<UIMessageChunk> =>
  new ReadableStream({
    start(controller) {
      for (const chunk of chunks.slice(0, count)) controller.enqueue(chunk);
    },
    pull(controller) {
      if (count < chunks.length) controller.error(new TypeError('network error'));
      else controller.close();
    },
  });

const pageOn = (
  live: ReadableStream<UIMessageChunk>,
  again: readonly UIMessageChunk[] = [],
  messages: UIMessage[] = [],
): ChatPage => {
  const transport: ChatTransport<UIMessage> = {
    resumeStreamIsReplay: true,
    sendMessages: async () => live,
    reconnectToStream: async () => streamOf(again),
  };
  return new ChatPage({ transport, messages, onError() {} });
};

/** Without a step that has no parts: a page tells of it with the next part, or by chance. */
const shownBy = (page: ChatPage): UIMessage[] =>
  page.shown().map((message) => {
    const isEmpty = message.parts.at(-1)?.type === 'step-start';
    return isEmpty ? { ...message, parts: message.parts.slice(0, -1) } : message;
  });

/** Without the ids that a page makes itself: the question's, and that of an answer that has no item. */
const seen = (page: ChatPage, hasId: boolean) =>
  shownBy(page).map(({ id, ...message }, at) => ({ ...message, id: at === 0 || !hasId ? '' : id }));

test.each([
  ['legal events', history],
  ['any events', fc.array(threadStreamEvent, { maxLength: 20 })],
])('a page that lost its network shows what it would have shown otherwise: %s', async (_name, anyEvents) => {
  let drops = 0;
  await fc.assert(
    fc.asyncProperty(anyEvents, fc.nat(1_000), async (events: readonly ThreadStreamEvent[], cut) => {
      const messageMetadata = (items: readonly { id: string }[]) => ({ [`of ${items[0]?.id}`]: items.length });
      const live = await collect(toUiMessageChunks(iterate(events), { messageMetadata }));
      const again = await collect(rebuildMessage(iterate(events), { itemsSoFar: async () => [], messageMetadata }));
      const hasId = live.some((chunk) => chunk.type === 'start' && chunk.messageId !== undefined);
      const whole = pageOn(streamOf(live));
      await whole.sendMessage({ text: 'Hi' });
      const count = cut % live.length;
      const dropped = pageOn(streamOf(live, count), again);
      await dropped.sendMessage({ text: 'Hi' });
      expect(dropped.status).toBe('error');
      if (dropped.error?.message === 'network error') {
        drops += 1;
        await dropped.resumeStream();
      }
      expect(seen(dropped, hasId)).toEqual(seen(whole, hasId));
      expect(dropped.status).toBe(whole.status);
    }),
  );
  expect(drops).toBeGreaterThan(50);
});

/** What a store has after the events. */
const storedAfter = (events: readonly ThreadStreamEvent[]): ThreadItem[] => {
  const items = new Map<string, ThreadItem>();
  for (const event of events) {
    if (event.type === 'thread.item.done') items.set(event.item.id, event.item);
    else if (event.type === 'thread.item.replaced' && items.has(event.item.id)) items.set(event.item.id, event.item);
    else if (event.type === 'thread.item.removed') items.delete(event.item_id);
  }
  return [...items.values()];
};

const base = (id: string) => ({ id, thread_id: 'thr_1', created_at: '2001-01-01T00:00:00' });

/** The first item is removed before it has a part. It gave the message its id all the same. */
const removedUnseen: ThreadStreamEvent[] = [
  itemDone(userMessage({ ...base('item_1'), text: 'hi' })),
  itemAdded(generatedImageItem(base('item_2'))),
  itemAdded(generatedImageItem(base('item_3'))),
  itemDone(generatedImageItem(base('item_3'))),
  itemRemoved('item_2'),
];

test('a page that is loaded in the middle of an answer, with what is stored by then, shows the same in the end', async () => {
  let resumes = 0;
  await fc.assert(
    fc.asyncProperty(history, fc.nat(1_000), async (events, cut) => {
      const messageMetadata = (items: readonly { id: string }[]) => ({ [`of ${items[0]?.id}`]: items.length });
      const live = await collect(toUiMessageChunks(iterate(events), { messageMetadata }));
      const whole = pageOn(streamOf(live));
      await whole.sendMessage({ text: 'Hi' });
      const soFar = events.slice(0, 2 + (cut % (events.length - 1)));
      const stored = storedAfter(soFar);
      const begunWith = await firstItemOf(iterate(soFar));
      const itemsSoFar = async () => stored.filter(({ type }) => type !== 'user_message');
      const again = await collect(rebuildMessage(iterate(events), { itemsSoFar, messageMetadata }));
      const messages = (await toUiMessages(stored, { messageMetadata, begunWith })) as UIMessage[];
      if (messages.length > 1) resumes += 1;
      const page = pageOn(streamOf([]), again, messages);
      await page.resumeStream();
      expect(shownBy(page).slice(1)).toEqual(shownBy(whole).slice(1));
      expect(page.messages[0]?.role).toBe('user');
    }),
    { examples: [[removedUnseen, 2]] },
  );
  expect(resumes).toBeGreaterThan(20);
});
