// A request of a front end of another protocol that comes again, to another machine than the first.
import { assistantMessage, itemAdded, itemDone, partAdded, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryLease, createMemoryLog, createMemoryStore } from '@chatkit/store/memory';
import { createVirtualClock } from '@chatkit/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';

interface User {
  userId: string;
}
const ada: User = { userId: 'ada' };

const fronts = {
  'AG-UI': {
    create: createAgUiHandler,
    body: (id: string, text: string) => ({
      threadId: 'c',
      runId: `r of ${id}`,
      messages: [{ id, role: 'user', content: text }],
    }),
  },
  'UI messages': {
    create: createUiMessageHandler,
    body: (id: string, text: string) => ({
      id: 'c',
      trigger: 'submit-message',
      messages: [{ id, role: 'user', parts: [{ type: 'text', text }] }],
    }),
  },
} as const;

type Front = (typeof fronts)[keyof typeof fronts];

/** Three machines that share a store, a log and a lease. The application says one word, and waits to be let go on. */
const machinesOf = (front: Front) => {
  const clock = createVirtualClock();
  const shared = {
    store: createMemoryStore<User>(),
    log: createMemoryLog(),
    lease: createMemoryLease({ ttlMs: 1_000, clock }),
    clock,
  };
  let answers = 0;
  let stops = 0;
  let goOn = () => {};
  const errors: unknown[] = [];
  const machine = () => {
    const server = createChatKitServer<User>({
      ...shared,
      onError: (error) => errors.push(error),
      async *respond(thread, _input, _user, { signal }) {
        answers += 1;
        const item = assistantMessage({ thread_id: thread.id });
        const text = `answer ${answers}`;
        yield itemAdded(item);
        yield partAdded(item.id, {}, 0);
        yield textDelta(item.id, 'answer');
        const isOver = new Promise<void>((resolve) => (goOn = resolve));
        const isStopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        await Promise.race([isOver, isStopped]);
        if (signal.aborted) {
          stops += 1;
          return;
        }
        yield textDelta(item.id, text.slice('answer'.length));
        yield itemDone(assistantMessage({ id: item.id, thread_id: thread.id, text }));
      },
    });
    onTestFinished(async () => void (await server.close({ graceMs: 0 })));
    const handle = front.create<User>(server, { userOf: ({ userId }) => userId });
    return async (id: string, text = 'Hi') => {
      const leaving = new AbortController();
      const request = new Request('http://front.invalid/', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(front.body(id, text)),
        signal: leaving.signal,
      });
      const response = await handle(request, ada);
      let told = '';
      const reading = (async () => {
        try {
          for await (const chunk of response.body ?? []) told += new TextDecoder().decode(chunk);
        } catch (error) {
          if (!leaving.signal.aborted) throw error;
        }
      })();
      return {
        told: () => told,
        leave: () => leaving.abort(),
        whole: () => passing(reading.then(() => told)),
        /** Waits until this has been told. */
        until: async (text: string) => {
          while (!told.includes(text)) await clock.advance(10);
        },
      };
    };
  };
  const passing = async <T>(work: Promise<T>): Promise<T> => {
    let done = false;
    const marked = work.finally(() => (done = true));
    marked.catch(() => {});
    while (!done) await clock.advance(10);
    return marked;
  };
  return {
    a: machine(),
    b: machine(),
    c: machine(),
    clock,
    passing,
    errors,
    goOn: () => goOn(),
    counts: () => ({ answers, stops }),
    async texts() {
      const [thread] = (await shared.store.listThreads({ limit: 10, order: 'asc' }, ada)).data;
      const { data } = await shared.store.listItems(thread?.id ?? '', { limit: 100, order: 'asc' }, ada);
      return data.flatMap((item) =>
        item.type === 'user_message' || item.type === 'assistant_message'
          ? [item.content.map(({ text }) => text).join('')]
          : [],
      );
    },
  };
};

describe.each(Object.entries(fronts))('%s', (_, front) => {
  test('whoever leaves, those who stay on other machines have the whole answer', async () => {
    const { a, b, c, clock, passing, goOn, counts, texts, errors } = machinesOf(front);
    const first = await passing(a('m1'));
    await first.until('answer');
    const second = await passing(b('m1'));
    await second.until('answer');
    first.leave();
    await clock.advance(500);
    const third = await passing(c('m1'));
    await third.until('answer');
    await clock.advance(3_000);
    second.leave();
    await clock.advance(3_000);
    expect(counts()).toEqual({ answers: 1, stops: 0 });
    goOn();
    expect(await third.whole()).toContain(' 1');
    expect(await texts()).toEqual(['Hi', 'answer 1']);
    expect(errors).toEqual([]);
  });

  test('when the last one leaves, on whatever machine, the run is stopped', async () => {
    const { a, b, clock, passing, counts, texts } = machinesOf(front);
    const first = await passing(a('m1'));
    await first.until('answer');
    const second = await passing(b('m1'));
    await second.until('answer');
    first.leave();
    await clock.advance(500);
    second.leave();
    await clock.advance(500);
    expect(counts()).toEqual({ answers: 1, stops: 1 });
    expect(await texts()).toEqual(['Hi', 'answer']);
  });

  test('a repeat that comes after the first one has left is answered anew', async () => {
    const { a, b, c, clock, passing, goOn, counts, texts, errors } = machinesOf(front);
    const first = await passing(a('m1'));
    await first.until('answer');
    first.leave();
    await clock.advance(500);
    const second = await passing(b('m1'));
    await second.until('answer');
    const third = await passing(c('m1'));
    await third.until('answer');
    goOn();
    expect(await second.whole()).toContain(' 2');
    expect(await third.whole()).toContain(' 2');
    expect(counts()).toEqual({ answers: 2, stops: 1 });
    expect(await texts()).toEqual(['Hi', 'answer 2']);
    expect(errors).toEqual([]);
  });
});
