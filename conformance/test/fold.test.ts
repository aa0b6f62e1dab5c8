/**
 * What the user sees is what a reload shows: the events of a scenario, folded by the reducer as a client does, give the
 * items that the store has afterwards, in the same order. Streams that were cut short are left out, because that client
 * has not seen their end; so is what only a store's back door changed.
 */
import {
  emptyThreadState,
  fromThread,
  isHiddenItem,
  reduceThread,
  selectItems,
  type Thread,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
  toWireItem,
  toWireThread,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { threadItemSchema, threadMetadataSchema } from '@chatkit/core/schema';
import { describe, expect, it } from 'vitest';
import { expectedOf } from './differences.ts';
import { canonicalValue } from './normalise.ts';
import { replay } from './replay.ts';
import { type Json, loadRecording, loadScenarios, type Scenario } from './scenario.ts';

const scenarios = loadScenarios();
/** An update of a widget that is stored already is sent and not stored, as in the reference: replace the item to keep it. */
const notStored = new Set(['action']);
const isWhole = ({ name, requests }: Scenario): boolean =>
  loadRecording(name).answers.every(({ ended }) => ended === undefined) &&
  !notStored.has(name) &&
  !JSON.stringify(requests).includes('"op":"store_');

const eventsOf = (sse: readonly string[]): ThreadStreamEvent[] =>
  sse.map((frame) => JSON.parse(frame.slice('data: '.length)) as ThreadStreamEvent);

/** The client’s threads before the first request. */
const loaded = ({ store = {} }: Scenario): Map<string, ThreadState> =>
  new Map(
    (store.threads ?? []).map((row) => {
      const thread: Thread = toWireThread({
        ...threadMetadataSchema.parse(row),
        items: {
          data: (store.items ?? [])
            .filter((item) => item.thread_id === row.id)
            .map((item) => threadItemSchema.parse(item)),
          has_more: false,
        },
      });
      return [row.id, fromThread(thread)] as const;
    }),
  );

/** A client prunes by itself what a retry makes void: the server sends no events for it. */
const pruned = (state: ThreadState, itemId: string): ThreadState => {
  const items = selectItems(state);
  const at = items.findIndex(({ id }) => id === itemId);
  return items
    .slice(at === -1 ? items.length : at + 1)
    .reduce((next, { id }) => reduceThread(next, { type: 'thread.item.removed', item_id: id }), state);
};

const visible = (items: readonly Json[] = []): ThreadItem[] =>
  items.map((item) => threadItemSchema.parse(item)).filter((item) => !isHiddenItem(item));

describe('folding what was sent gives what was stored', () => {
  it.each(scenarios.filter(isWhole).map((scenario) => [scenario.name, scenario] as const))(
    '%s',
    async (name, scenario) => {
      const { answers, rows } = await replay(scenario, expectedOf(scenario, loadRecording(name)));
      const threads = loaded(scenario);
      for (const [index, { body, context }] of scenario.requests.entries()) {
        const { sse = [], json, refused } = answers[index] ?? { calls: [] };
        if (context?.userId === 'bob' || refused !== undefined) continue;
        const params = (body?.['params'] ?? {}) as { thread_id?: string; item_id?: string };
        const events = eventsOf(sse);
        const [first] = events;
        const id = first?.type === 'thread.created' ? first.thread.id : (params.thread_id ?? '');
        let state = threads.get(id) ?? emptyThreadState;
        if (body?.['type'] === 'threads.retry_after_item') state = pruned(state, params.item_id ?? '');
        if (body?.['type'] === 'threads.sync_custom_action') {
          const { updated_item } = JSON.parse(json ?? '{}') as { updated_item?: ThreadItem };
          if (updated_item) state = reduceThread(state, { type: 'thread.item.replaced', item: updated_item });
        }
        threads.set(id, events.reduce(reduceThread, state));
        if (body?.['type'] === 'threads.delete') threads.delete(id);
      }
      for (const { id } of (rows['ada']?.threads ?? []) as { id: string }[]) {
        const shown = selectItems(threads.get(id) ?? emptyThreadState).map((item) => canonicalValue(toWireItem(item)));
        const stored = visible(rows['ada']?.items?.[id]).map((item) => canonicalValue(toWireItem(item)));
        expect(shown).toEqual(stored);
      }
    },
  );
});

describe('the order of what our server sends is legal', () => {
  /** Scenarios whose application breaks the rules itself, to see what becomes of it. */
  const breaksRules = new Set([
    'cancel-two',
    'content-parts',
    'item-done-twice',
    'stream-options-event',
    'workflow-index-out-of-range',
  ]);

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (name, scenario) => {
    const { answers } = await replay(scenario, expectedOf(scenario, loadRecording(name)));
    const complaints = answers.flatMap(({ sse = [], ended }) => {
      const checker = createOrderChecker();
      const during = eventsOf(sse).flatMap((event) => checker.check(event) ?? []);
      const after = ended === undefined ? checker.end() : undefined;
      return after === undefined ? during : [...during, after];
    });
    if (breaksRules.has(name)) expect(complaints).not.toEqual([]);
    else expect(complaints).toEqual([]);
  });
});
