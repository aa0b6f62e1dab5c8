import type { ChatClient, ChatSnapshot } from '@chatkit/client';
import { expectTypeOf, test } from 'vitest';
import { useChat, useChatSelector, useThreads } from '../src/index.ts';

test('useChat gives the snapshot and the client', () => {
  expectTypeOf(useChat).returns.toExtend<ChatSnapshot>();
  expectTypeOf(useChat).returns.toHaveProperty('client').toEqualTypeOf<ChatClient>();
});

test('useChatSelector gives what is selected', () => {
  expectTypeOf(useChatSelector((chat) => chat.canStop)).toEqualTypeOf<boolean>();
  expectTypeOf(useChatSelector((chat) => chat.items.length)).toEqualTypeOf<number>();
  // @ts-expect-error: there is no such field
  useChatSelector((chat) => chat.messages);
});

test('useThreads gives the list and its verbs', () => {
  expectTypeOf(useThreads).returns.toHaveProperty('loadMore').toEqualTypeOf<() => Promise<void>>();
  useThreads({ limit: undefined, client: undefined });
});
