// The same request twice, the same message in another request, and a server that was started anew in between.
import { assistantMessage, clientToolCall, itemAdded, itemDone, partAdded, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import { describe, expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';

interface User {
  userId: string;
}
const ada: User = { userId: 'ada' };

/** A message of the user's, in a request of its own name. */
interface Asked {
  readonly id?: string;
  readonly text: string;
  readonly request?: string;
}

const fronts = {
  'AG-UI': {
    create: createAgUiHandler,
    body: ({ id, text, request = 'r1' }: Asked) => ({
      threadId: 'c',
      runId: request,
      messages: [{ id, role: 'user', content: text }],
    }),
  },
  'UI messages': {
    create: createUiMessageHandler,
    body: ({ id, text, request }: Asked) => ({
      id: 'c',
      trigger: 'submit-message',
      // The SDK names the message that a request is to put in the place of an earlier one.
      messageId: request === undefined ? undefined : id,
      messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }],
    }),
  },
} as const;

type Front = (typeof fronts)[keyof typeof fronts];

/** A store, and servers over it one after the other, each with its own memory. */
const over = (front: Front) => {
  const store = createMemoryStore<User>();
  let answers = 0;
  /** Kept open by the test. */
  let gate: Promise<void> | undefined;
  const start = () => {
    const server = createChatKitServer<User>({
      store,
      async *respond(thread, input) {
        answers += 1;
        const text = input?.content.map((part) => part.text).join('') ?? 'tool';
        if (text === 'Pick') {
          yield itemDone(clientToolCall({ thread_id: thread.id, call_id: 'call_1', name: 'pick', arguments: {} }));
          return;
        }
        const item = assistantMessage({ thread_id: thread.id });
        yield itemAdded(item);
        yield partAdded(item.id, {}, 0);
        yield textDelta(item.id, `${text} ${answers}`);
        await gate;
        yield itemDone(assistantMessage({ id: item.id, thread_id: thread.id, text: `${text} ${answers}` }));
      },
    });
    return front.create<User>(server, { userOf: ({ userId }) => userId });
  };
  let handle = start();
  const post = async (body: object, signal: AbortSignal | null = null) => {
    const headers = { 'content-type': 'application/json' };
    const request = new Request('http://front.invalid/', {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      signal,
    });
    return handle(request, ada);
  };
  return {
    post,
    async send(asked: Asked) {
      const response = await post(front.body(asked));
      if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
      return response.text();
    },
    restart: () => {
      handle = start();
    },
    hold(by: Promise<void> | undefined) {
      gate = by;
    },
    async texts() {
      const [thread] = (await store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
      const { data } = await store.listItems(thread?.id ?? '', { limit: 100, order: 'asc' }, ada);
      return data.flatMap((item) =>
        item.type === 'user_message' || item.type === 'assistant_message'
          ? [item.content.map(({ text }) => text).join('')]
          : [],
      );
    },
  };
};

describe.each(Object.entries(fronts))('%s', (_, front) => {
  test('a request that comes twice is one message with one answer, which both are told', async () => {
    const { send, texts } = over(front);
    const [first, second] = await Promise.all([send({ id: 'm1', text: 'One' }), send({ id: 'm1', text: 'One' })]);
    expect([first, second].map((told) => told.includes('One 1'))).toEqual([true, true]);
    expect(await send({ id: 'm1', text: 'One' })).toContain('One 1');
    expect(await texts()).toEqual(['One', 'One 1']);
    // Another message in the same words, and one that has no id.
    await send({ id: 'm2', text: 'One' });
    await send({ text: 'One' });
    await send({ text: 'One' });
    expect(await texts()).toEqual(['One', 'One 1', 'One', 'One 2', 'One', 'One 3', 'One', 'One 4']);
  });

  test('a request that comes again once its first sender has gone has a whole answer', async () => {
    const { post, send, texts, hold } = over(front);
    await send({ id: 'm1', text: 'One' });
    let goOn = () => {};
    hold(new Promise((resolve) => (goOn = resolve)));
    const leave = new AbortController();
    const left = await post(front.body({ id: 'm2', text: 'Two' }), leave.signal);
    await left.body?.getReader().read();
    leave.abort();
    hold(undefined);
    goOn();
    expect(await send({ id: 'm2', text: 'Two' })).toContain('Two 3');
    expect(await texts()).toEqual(['One', 'One 1', 'Two', 'Two 3']);
  });

  test.each([false, true])(
    'a message that another request sends is answered anew (restarted: %s)',
    async (restarted) => {
      const { send, texts, restart } = over(front);
      await send({ id: 'm1', text: 'One' });
      await send({ id: 'm2', text: 'Two' });
      if (restarted) restart();
      expect(await send({ id: 'm2', text: 'Two', request: 'r2' })).toContain('Two 3');
      expect(await send({ id: 'm2', text: 'Two', request: 'r3' })).toContain('Two 4');
      expect(await texts()).toEqual(['One', 'One 1', 'Two', 'Two 4']);
      // In other words it is another message, unless its client says that it has been edited.
      await send({ id: 'm2', text: 'Three' });
      expect(await texts()).toEqual(['One', 'One 1', 'Two', 'Two 4', 'Three', 'Three 5']);
    },
  );

  test('a request that comes again after a restart is one message with one answer', async () => {
    const { send, texts, restart } = over(front);
    await send({ id: 'm1', text: 'One' });
    restart();
    await send({ id: 'm1', text: 'One' });
    await send({ id: 'm2', text: 'Two' });
    restart();
    await send({ id: 'm2', text: 'Two' });
    expect(await texts()).toEqual(['One', 'One 2', 'Two', 'Two 4']);
  });
});

test('regenerate() finds its thread, and its message among others that say the same, after a restart', async () => {
  const { post, send, texts, restart } = over(fronts['UI messages']);
  await send({ id: 'm1', text: 'One' });
  await send({ id: 'm2', text: 'One' });
  restart();
  const again = { ...fronts['UI messages'].body({ id: 'm1', text: 'One' }), trigger: 'regenerate-message' };
  expect(await (await post(again)).text()).toContain('One 3');
  expect(await texts()).toEqual(['One', 'One 3']);
});

test.each(Object.entries(fronts))(
  '%s: the output of a tool finds its thread after a restart, and may come twice',
  async (name, front) => {
    const { post, send, texts, restart } = over(front);
    await send({ id: 'm1', text: 'Pick' });
    restart();
    const output =
      name === 'AG-UI'
        ? { threadId: 'c', runId: 'r2', messages: [{ id: 't', role: 'tool', toolCallId: 'call_1', content: '7' }] }
        : {
            id: 'c',
            messages: [
              {
                id: 'a1',
                role: 'assistant',
                parts: [{ type: 'tool-pick', toolCallId: 'call_1', state: 'output-available', output: 7 }],
              },
            ],
          };
    const told = await Promise.all([post(output), post(output)].map(async (answer) => (await answer).text()));
    expect(told.map((text) => text.includes('tool 2'))).toEqual([true, true]);
    expect(await texts()).toEqual(['Pick', 'tool 2']);
  },
);

test('the output of a tool in a conversation that nobody knows is refused', async () => {
  const { post } = over(fronts['AG-UI']);
  const output = { threadId: 'c', runId: 'r', messages: [{ id: 't', role: 'tool', toolCallId: 'x', content: '7' }] };
  expect((await post(output)).status).toBe(404);
});
