/**
 * Compares a store's lists with a model that is simple enough to check by eye: an array, sorted when it is read. Random
 * histories of writes, overwrites and deletes, with few ids and few timestamps so that everything collides.
 */
import type { PageOptions, Store } from '@chatkit/core';
import * as fc from 'fast-check';
import { expect } from 'vitest';
import { at, messageOf, threadOf } from './fixtures.ts';

type Step =
  | { readonly do: 'save'; readonly id: number; readonly time: number }
  | { readonly do: 'delete'; readonly id: number }
  | { readonly do: 'list'; readonly order: 'asc' | 'desc'; readonly limit: number; readonly after: number };

const ids = 8;
const anId = fc.nat({ max: ids - 1 });
const anOrder = fc.constantFrom('asc' as const, 'desc' as const);
const aStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('save' as const), id: anId, time: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), id: anId }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      order: anOrder,
      limit: fc.integer({ min: 1, max: 5 }),
      after: fc.integer({ min: -1, max: ids - 1 }),
    }),
  },
);
const aHistory = fc.array(aStep, { maxLength: 40 });

interface Entry {
  readonly id: string;
  /** The position, from the first write. */
  readonly time: number;
  readonly seq: number;
  readonly text: string;
}

/** The operations that the comparison needs of one kind of list. */
interface List {
  save(id: string, created_at: string, text: string): Promise<unknown>;
  remove(id: string): Promise<unknown>;
  page(
    page: PageOptions,
  ): Promise<{ data: { id: string; text: string }[]; has_more: boolean; after?: string | undefined }>;
}

const run = async (list: List, history: readonly Step[], pageSize: number): Promise<void> => {
  const model = new Map<string, Entry>();
  let seq = 0;
  const sorted = (order: 'asc' | 'desc'): Entry[] => {
    const entries = [...model.values()].sort((a, b) => a.time - b.time || a.seq - b.seq);
    return order === 'asc' ? entries : entries.reverse();
  };
  const expectPage = async (order: 'asc' | 'desc', limit: number, after: string | undefined) => {
    const all = sorted(order);
    const start = after === undefined ? 0 : all.findIndex((each) => each.id === after) + 1;
    if (after !== undefined && start === 0) {
      await expect(list.page({ order, limit, after })).rejects.toThrow();
      return undefined;
    }
    const page = await list.page({ order, limit, after });
    const shown = all.slice(start, start + limit);
    expect(page.data).toEqual(shown.map(({ id, text }) => ({ id, text })));
    expect(page.has_more).toBe(all.length > start + limit);
    expect(page.after ?? undefined).toBe(page.has_more ? shown.at(-1)?.id : undefined);
    return page;
  };

  for (const [index, step] of history.entries()) {
    if (step.do === 'save') {
      const id = `e${step.id}`;
      const held = model.get(id);
      model.set(id, { id, time: held?.time ?? step.time, seq: held?.seq ?? seq++, text: `write ${index}` });
      await list.save(id, at(step.time), `write ${index}`);
    } else if (step.do === 'delete') {
      model.delete(`e${step.id}`);
      await list.remove(`e${step.id}`);
    } else await expectPage(step.order, step.limit, step.after === -1 ? undefined : `e${step.after}`);
  }
  for (const order of ['asc', 'desc'] as const)
    for (let page = await expectPage(order, pageSize, undefined); page?.has_more; )
      page = await expectPage(order, pageSize, page.after);
};

/** Compares the lists of threads and of items with the model, each history with a user of its own. */
export const checkAgainstModel = <Context>(store: Store<Context>, someone: () => Context, numRuns: number) =>
  fc.assert(
    fc.asyncProperty(aHistory, fc.integer({ min: 1, max: 4 }), fc.boolean(), async (history, pageSize, ofThreads) => {
      const me = someone();
      if (!ofThreads) await store.saveThread(threadOf('thr'), me);
      const items: List = {
        save: (id, created_at, text) => store.saveItem('thr', messageOf('thr', id, created_at, text), me),
        remove: (id) => store.deleteItem('thr', id, me),
        async page(options) {
          const page = await store.listItems('thr', options, me);
          const data = page.data.map((item) => ({
            id: item.id,
            text: item.type === 'assistant_message' ? (item.content[0]?.text ?? '') : '',
          }));
          return { ...page, data };
        },
      };
      const threads: List = {
        save: (id, created_at, text) => store.saveThread(threadOf(id, { created_at, title: text }), me),
        remove: (id) => store.deleteThread(id, me),
        async page(options) {
          const page = await store.listThreads(options, me);
          return { ...page, data: page.data.map(({ id, title }) => ({ id, text: title ?? '' })) };
        },
      };
      await run(ofThreads ? threads : items, history, pageSize);
    }),
    { numRuns },
  );
