// Step 1 of the path of a token as the compiler sees it: what respond() is given and may yield.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AssistantMessageItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem } from '@chatkit/core';
import { itemDone } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { expectTypeOf, test } from 'vitest';
import { ChatKitServer, createChatKitServer, type RunContext } from '../src/index.ts';
import { toNodeHandler } from '../src/node/index.ts';

interface User {
  userId: string;
}
declare const message: AssistantMessageItem;

test('respond() of createChatKitServer is typed by its context', () => {
  const server = createChatKitServer<User>({
    store: createMemoryStore<User>(),
    async *respond(thread, input, context, run) {
      expectTypeOf(thread).toEqualTypeOf<ThreadMetadata>();
      expectTypeOf(input).toEqualTypeOf<UserMessageItem | null>();
      expectTypeOf(context).toEqualTypeOf<User>();
      expectTypeOf(run).toEqualTypeOf<RunContext>();
      yield itemDone(message);
      yield { type: 'progress_update', text: 'x' };
    },
  });
  createChatKitServer<User>({
    store: createMemoryStore<User>(),
    // @ts-expect-error There is no such event.
    async *respond() {
      yield { type: 'progress', text: 'x' };
    },
  });
  expectTypeOf(server.handle).parameter(1).toEqualTypeOf<User>();
  toNodeHandler(server, { context: () => ({ userId: 'ada' }) });
  // @ts-expect-error A context of another shape.
  toNodeHandler(server, { context: () => 'ada' });
});

test('a handler for Node takes the request of its framework, with what a middleware has put there', () => {
  interface Asked extends IncomingMessage {
    user: User;
  }
  type Middleware = (request: Asked, response: ServerResponse, next: () => void) => unknown;
  const server = createChatKitServer<User>({ store: createMemoryStore<User>(), async *respond() {} });
  const inferred: Middleware = toNodeHandler(server, { context: (request) => request.user });
  const written: Middleware = toNodeHandler(server, { context: (request: Asked) => request.user });
  expectTypeOf(inferred).toEqualTypeOf(written);
  createServer(toNodeHandler(server));
  // @ts-expect-error Node's own requests have no user.
  createServer(toNodeHandler(server, { context: (request: Asked) => request.user }));
  // @ts-expect-error Nobody would be the one user of a single-user program.
  toNodeHandler(server, { context: (_request: Asked): User | undefined => undefined });
});

test('a subclass must write respond(), and may write the rest', () => {
  class Assistant extends ChatKitServer<User> {
    async *respond(thread: ThreadMetadata): AsyncGenerator<ThreadStreamEvent> {
      thread.title = 'T';
      yield itemDone(message);
    }
    override async addFeedback(): Promise<void> {}
  }
  expectTypeOf(new Assistant({ store: createMemoryStore<User>() })).toExtend<ChatKitServer<User>>();
  // @ts-expect-error respond() is missing.
  class _Lazy extends ChatKitServer<User> {}
});
