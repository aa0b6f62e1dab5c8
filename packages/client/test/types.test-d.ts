import type { RunOutcome, Thread, ThreadItem, ThreadStreamEvent } from '@chatkit/core';
import { assertType, expectTypeOf, test } from 'vitest';
import { type ChatClient, type ChatRun, type ChatSnapshot, createChatClient } from '../src/index.ts';

declare const client: ChatClient;

test('a client is made from an address', () => {
  expectTypeOf(createChatClient({ url: '/chatkit' })).toEqualTypeOf<ChatClient>();
  // @ts-expect-error: an address is needed
  createChatClient({});
});

test('what starts a run gives it at once', () => {
  expectTypeOf(client.send('Hi')).toEqualTypeOf<ChatRun>();
  expectTypeOf(client.send({ text: 'Hi', attachments: ['atc_1'] }).done).toEqualTypeOf<Promise<RunOutcome>>();
  expectTypeOf(client.retry()).toEqualTypeOf<ChatRun>();
  expectTypeOf<ChatRun>().toExtend<AsyncIterable<ThreadStreamEvent>>();
  client.send({ text: 'Hi', inference_options: { model: undefined, tool_choice: undefined } });
  // @ts-expect-error: a message is text or an object
  client.send(1);
});

test('a snapshot cannot be changed', () => {
  const snapshot = client.getSnapshot();
  expectTypeOf(snapshot.items).toEqualTypeOf<readonly ThreadItem[]>();
  expectTypeOf(snapshot.thread).toEqualTypeOf<Thread | undefined>();
  // @ts-expect-error: read-only
  snapshot.status = 'idle';
  // @ts-expect-error: read-only
  snapshot.items.push();
});

test('statuses are a closed set', () => {
  assertType<ChatSnapshot['status']>('streaming');
  // @ts-expect-error: no such status
  assertType<ChatSnapshot['status']>('busy');
});

test('items are told apart by type', () => {
  for (const item of client.getSnapshot().items) {
    if (item.type === 'assistant_message') expectTypeOf(item.content[0]?.text).toEqualTypeOf<string | undefined>();
  }
});
