// Front ends call their messages what they like: by ids that are unique, all by one, by an empty one, by a counter. What two messages
// are in the history that a client sends, two messages are here; what comes twice is one.
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createAgUiHandler } from '../src/ag-ui/index.ts';
import { createUiMessageHandler } from '../src/ui-message/index.ts';
import { message } from './scripted-server.ts';

interface Said {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly text: string;
}

const fronts = {
  'AG-UI': {
    create: createAgUiHandler,
    body: (history: readonly Said[]) => ({
      threadId: 'c',
      runId: `run ${history.length}`,
      messages: history.map(({ id, role, text }) => ({ id, role, content: text })),
    }),
  },
  'UI messages': {
    create: createUiMessageHandler,
    body: (history: readonly Said[]) => ({
      id: 'c',
      trigger: 'submit-message',
      messages: history.map(({ id, role, text }) => ({ id, role, parts: [{ type: 'text', text }] })),
    }),
  },
} as const;

/** How front ends make ids. */
const makers: Record<string, (count: number) => string> = {
  unique: (count) => `id ${count}`,
  'all the same': () => 'id',
  'a counter that comes round': (count) => String(count % 3),
  empty: () => '',
};

const steps = fc.array(fc.record({ text: fc.constantFrom('yes', 'no'), times: fc.integer({ min: 1, max: 3 }) }), {
  minLength: 1,
  maxLength: 6,
});

test.each(Object.entries(fronts).flatMap(([name, front]) => Object.keys(makers).map((ids) => ({ name, front, ids }))))(
  '$name, ids: $ids',
  async ({ front, ids }) => {
    await fc.assert(
      fc.asyncProperty(steps, fc.boolean(), async (list, restarts) => {
        const store = createMemoryStore<string>();
        let answers = 0;
        const start = () =>
          front.create<string>(
            createChatKitServer<string>({
              store,
              async *respond(thread) {
                answers += 1;
                yield* message(thread, `msg_${answers}`, `answer ${answers}`);
              },
            }),
            { userOf: (user) => user },
          );
        let handle = start();
        const history: Said[] = [];
        const makeId = makers[ids] as (count: number) => string;
        for (const { text, times } of list) {
          history.push({ id: makeId(history.length), role: 'user', text });
          const body = JSON.stringify(front.body(history));
          const told: string[] = [];
          // Without an id nobody can tell that a request is the same.
          for (let time = 0; time < (ids === 'empty' ? 1 : times); time += 1) {
            const headers = { 'content-type': 'application/json' };
            const response = await handle(
              new Request('http://front.invalid/', { method: 'POST', headers, body }),
              'ada',
            );
            told.push(await response.text());
          }
          for (const each of told) expect(each).toContain(`answer ${answers}`);
          history.push({ id: makeId(history.length), role: 'assistant', text: `answer ${answers}` });
          if (restarts) handle = start();
        }
        expect(answers).toBe(list.length);
        const [thread] = (await store.listThreads({ limit: 2, order: 'asc' }, 'ada')).data;
        const { data } = await store.listItems(thread?.id ?? '', { limit: 100, order: 'asc' }, 'ada');
        expect(
          data.flatMap((item) => ('content' in item ? [(item.content as { text: string }[])[0]?.text] : [])),
        ).toEqual(history.map(({ text }) => text));
      }),
      { numRuns: 40 },
    );
  },
);
