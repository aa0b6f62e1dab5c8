// Two first messages of one foreign conversation, sent at one moment: one thread with both.
import { assistantMessage, ChatKitError, itemDone } from '@chatkit/core';
import { type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';

interface User {
  userId: string;
}
const ada: User = { userId: 'ada' };

const fronts = {
  'AG-UI': {
    create: createAgUiHandler,
    body: (conversation: string, text: string) => ({
      threadId: conversation,
      runId: text,
      messages: [{ id: text, role: 'user', content: text }],
    }),
  },
  'UI messages': {
    create: createUiMessageHandler,
    body: (id: string, text: string) => ({ id, messages: [{ role: 'user', parts: [{ type: 'text', text }] }] }),
  },
} as const;

/** Machines that share a store, a log and a lease, each with its own memory of conversations. */
const cluster = (
  front: (typeof fronts)[keyof typeof fronts],
  count: number,
  own: Partial<CreateChatKitServerOptions<User>> = {},
) => {
  const store = createMemoryStore<User>();
  const shared = { store, log: createMemoryLog(), lease: createMemoryLease(), busy: 'queue' } as const;
  const servers = Array.from({ length: count }, () =>
    createChatKitServer<User>({
      ...shared,
      async *respond(thread) {
        yield itemDone(assistantMessage({ thread_id: thread.id, text: 'ok' }));
      },
      ...own,
    }),
  );
  const handlers = servers.map((server) => front.create<User>(server, { userOf: (user) => user.userId }));
  const send = async (machine: number, conversation: string, text: string, user = ada) => {
    const request = new Request('http://front.invalid/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(front.body(conversation, text)),
    });
    const response = await handlers[machine % count]?.(request, user);
    if (response?.status !== 200) throw new Error(`${response?.status} ${await response?.text()}`);
    return response.text();
  };
  /** What users have said, by thread. */
  const said = async (user = ada) => {
    const threads = (await store.listThreads({ limit: 10, order: 'asc' }, user)).data;
    return Promise.all(
      threads.map(async ({ id }) => {
        const { data } = await store.listItems(id, { limit: 100, order: 'asc' }, user);
        return data
          .flatMap((item) => (item.type === 'user_message' ? item.content.map(({ text }) => text) : []))
          .sort();
      }),
    );
  };
  return { send, said, close: () => Promise.all(servers.map((server) => server.close())) };
};

describe.each(Object.entries(fronts))('%s', (_, front) => {
  test.each([1, 2])('on %i that share a store and a lease', async (machines) => {
    const { send, said, close } = cluster(front, machines);
    await Promise.all(['One', 'Two', 'Three'].map((text, machine) => send(machine, 'a conversation/1 é', text)));
    expect(await said()).toEqual([['One', 'Three', 'Two']]);
    await send(0, 'a conversation/1 é', 'Four');
    await send(0, 'another', 'Five');
    await send(0, 'another', 'Six', { userId: 'eve' });
    expect(await said()).toEqual([['Four', 'One', 'Three', 'Two'], ['Five']]);
    await close();
  });

  test('before a server that takes no name, on one', async () => {
    const { send, said, close } = cluster(front, 1, { userOf: () => undefined });
    await Promise.all(['One', 'Two', 'Three'].map((text) => send(0, 'c', text)));
    await send(0, 'd', 'Four');
    expect(await said()).toEqual([['One', 'Three', 'Two'], ['Four']]);
    await close();
  });

  test('a first message that is refused does not hold up the next', async () => {
    let asked = 0;
    const generateThreadId = () => {
      asked += 1;
      if (asked === 1) throw new ChatKitError('request.unsupported', 'Not now.');
      return `thr_${asked}`;
    };
    const { send, said, close } = cluster(front, 1, { generateThreadId });
    // Which of the two is first is up to the threads that hash their names.
    const [one, two] = await Promise.allSettled([send(0, 'c', 'One'), send(0, 'c', 'Two')]);
    expect([one.status, two.status].sort()).toEqual(['fulfilled', 'rejected']);
    expect(await said()).toEqual([[one.status === 'fulfilled' ? 'One' : 'Two']]);
    await close();
  });
});
