import type { ThreadItem } from '@chatkit/core';
import { type ChatKitServer, type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { createScriptedNetwork } from '@chatkit/testing';
import { type ChatClient, type ChatClientOptions, createChatClient, type Scheduler } from '../../src/index.ts';

type User = { userId: string };

/** A scheduler that runs when the test says so, and counts. */
export const manualScheduler = (): Scheduler & { frame(): void; asked: number } => {
  let due: (() => void) | undefined;
  const schedule = (flush: () => void) => {
    due = flush;
    scheduler.asked += 1;
    return () => {
      due = undefined;
    };
  };
  const scheduler = Object.assign(schedule, {
    asked: 0,
    frame() {
      const flush = due;
      due = undefined;
      flush?.();
    },
  });
  return scheduler;
};

/** A real server, a network that fails on cue, and clients. */
export const testChat = (options: Partial<CreateChatKitServerOptions<User>> = {}) => {
  const store = options.store ?? createMemoryStore<User>();
  const errors: unknown[] = [];
  const server: ChatKitServer<User> = createChatKitServer<User>({
    async *respond() {},
    onError: (error) => errors.push(error),
    ...options,
    store,
  });
  const handler = (request: Request) => server.handle(request, { userId: 'ada' });
  const network = createScriptedNetwork({ handler, clock: options.clock });
  /** A network without faults. */
  const direct: typeof globalThis.fetch = (input, init) => handler(new Request(input, init));
  const client = (more: Partial<ChatClientOptions> = {}): ChatClient =>
    createChatClient({ url: 'http://chat.test/chatkit', fetch: network.fetch, extensions: true, ...more });
  return { server, store, network, direct, client, errors };
};

/** The requests that were made, by type, with `GET` for an attach. */
export const requestTypes = (network: { requests: readonly { method: string; body: string }[] }): string[] =>
  network.requests.map(({ method, body }) => (method === 'GET' ? 'GET' : JSON.parse(body).type));

/** The answer of a server that has no record of the run, such as one that was started again. */
export const noSuchRun = {
  respond: () => Response.json({ error: { code: 'run.not_found', message: 'There is no such run.' } }, { status: 404 }),
};

export const textOf = (item: ThreadItem | undefined): string =>
  item !== undefined && 'content' in item && Array.isArray(item.content)
    ? item.content.map((part) => part.text).join('')
    : '';

export const texts = (client: ChatClient): string[] => client.getSnapshot().items.map(textOf);

/** Resolves when the chat looks as wanted. */
export const until = (client: ChatClient, isSo: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    const look = () => {
      if (!isSo()) return;
      end();
      resolve();
    };
    const end = client.subscribe(look);
    queueMicrotask(look);
  });

/** Lets everything that is ready run. */
export const settle = async (turns = 10): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
