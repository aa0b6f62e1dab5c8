import { readFileSync } from 'node:fs';
import {
  emptyThreadState,
  foldUpdate,
  isChatKitError,
  reduceThread,
  selectItems,
  type ThreadStreamEvent,
  toWireUpdate,
  type WidgetRoot,
  widgetItem,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { threadStreamEventSchema } from '@chatkit/core/schema';
import * as widgets from '@chatkit/core/widgets';
import { action, card, diffWidget, streamWidget, text } from '@chatkit/core/widgets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { widgetRoot } from './arbitraries/item.ts';
import { json, text as words } from './arbitraries/json.ts';

const thread = { id: 'thr_1' };

const applyAll = (before: WidgetRoot, after: WidgetRoot): WidgetRoot => {
  const item = widgetItem({ thread_id: 'thr_1', id: 'w', widget: before });
  const last = diffWidget(before, after).reduce(foldUpdate, item as Parameters<typeof foldUpdate>[0]);
  return last.type === 'widget' ? last.widget : before;
};

/** The same widget with text appended to some of its texts, and with one other change or none. */
const grown = (widget: WidgetRoot): fc.Arbitrary<WidgetRoot> =>
  fc
    .record({
      tails: fc.array(words(), { minLength: 1, maxLength: 4 }),
      change: fc.constantFrom('none', 'prop', 'null'),
    })
    .map(({ tails, change }) => {
      const copy = structuredClone(widget);
      let at = 0;
      const walk = (component: unknown): void => {
        if (Array.isArray(component)) component.forEach(walk);
        else if (typeof component === 'object' && component !== null) {
          const found = component as Record<string, unknown>;
          if (typeof found['value'] === 'string') found['value'] += tails[at++ % tails.length] as string;
          walk(found['children']);
        }
      };
      walk(copy);
      if (change === 'prop') copy['size'] = 'xl';
      if (change === 'null') copy['status'] = null;
      return copy;
    });

const withoutNulls = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_key, entry) => entry ?? undefined));

describe('diffWidget', () => {
  it('gives updates that lead from any widget to any other', () => {
    fc.assert(
      fc.property(widgetRoot, widgetRoot, (before, after) => {
        expect(applyAll(before, after)).toEqual(after);
      }),
    );
  });

  it('gives updates that lead from any widget to one in which text grew', () => {
    const pair = widgetRoot.chain((before) => grown(before).map((after) => [before, after] as const));
    fc.assert(
      fc.property(pair, ([before, after]) => {
        expect(withoutNulls(applyAll(before, after))).toEqual(withoutNulls(after));
        expect(diffWidget(after, after)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('gives updates that lead from any widget to one that differs in a single place', () => {
    const change = fc.oneof(
      fc.record({ how: fc.constantFrom('set', 'push'), value: json }),
      fc.record({ how: fc.constant('prepend'), value: words() }),
    );
    fc.assert(
      fc.property(widgetRoot, fc.nat(), change, (before, at, { how, value }) => {
        const after = structuredClone(before);
        const places: [holder: Record<string, unknown>, key: string][] = [];
        JSON.stringify(after, function (this: Record<string, unknown>, key, entry) {
          if (key !== '' && (how !== 'push' || Array.isArray(entry))) places.push([this, key]);
          return entry;
        });
        const [holder, key] = places[at % places.length] ?? [];
        if (holder === undefined || key === undefined) return;
        const old = holder[key];
        if (Array.isArray(old) && how === 'push') old.push(value);
        else if (typeof old === 'string' && how === 'prepend') holder[key] = value + old;
        else holder[key] = value;
        expect(withoutNulls(applyAll(before, after))).toEqual(withoutNulls(after));
        expect(withoutNulls(applyAll(after, before))).toEqual(withoutNulls(before));
      }),
      { numRuns: 1_000 },
    );
  });

  interface Recording {
    name: string;
    before: WidgetRoot;
    after: WidgetRoot;
    dynamic: object[] | { error: object };
  }
  const recordings: Recording[] = JSON.parse(
    readFileSync(new URL('../../../conformance/golden-widgets/diffs.json', import.meta.url), 'utf8'),
  );
  /** Where the reference loses a change or breaks off, ours sends the whole widget; `docs/reference/differences.md`. */
  const ours: Record<string, 'root' | 'delta'> = {
    'append without id': 'root',
    'one appends with id, one without': 'root',
    'append inside a single child': 'delta',
    'prop added': 'root',
    'prop removed': 'root',
    'prop added and text appends': 'root',
    'root prop added': 'root',
    'basic with one child': 'delta',
    'same id twice': 'root',
    'boolean and number': 'root',
  };

  it.each(recordings.map((recording) => [recording.name, recording] as const))(
    'agrees with the recording: %s',
    (name, { before, after, dynamic }) => {
      const updates = diffWidget(before, after);
      const expected = ours[name];
      if (expected === undefined) expect(updates.map(toWireUpdate)).toEqual(dynamic);
      else {
        expect(updates.map((update) => update.type)).toEqual([
          expected === 'root' ? 'widget.root.updated' : 'widget.streaming_text.value_delta',
        ]);
        expect(updates).not.toEqual(dynamic);
      }
      expect(withoutNulls(applyAll(before, after))).toEqual(withoutNulls(after));
    },
  );
});

const collect = async (source: AsyncIterable<ThreadStreamEvent>): Promise<ThreadStreamEvent[]> => {
  const events: ThreadStreamEvent[] = [];
  for await (const event of source) events.push(event);
  return events;
};

async function* from<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

const hello = (value: string, streaming = true) => card({ children: [text({ id: 't', value, streaming })] });

describe('streamWidget', () => {
  it('sends a widget that is there as one finished item', async () => {
    const events = await collect(streamWidget(thread, hello('x'), { copyText: 'x' }));
    expect(events).toMatchObject([
      { type: 'thread.item.done', item: { thread_id: 'thr_1', type: 'widget', widget: hello('x'), copy_text: 'x' } },
    ]);
  });

  it('sends the first state, what changed, and the last state', async () => {
    const createId = (kind: string) => `${kind}_7`;
    const states = from(hello(''), hello('Hel'), hello('Hello'), hello('Hello', false));
    const events = await collect(streamWidget(thread, states, { createId }));
    expect(events).toMatchObject([
      { type: 'thread.item.added', item: { id: 'message_7', widget: hello('') } },
      { item_id: 'message_7', update: { delta: 'Hel', component_id: 't', done: false } },
      { update: { delta: 'lo' } },
      { update: { type: 'widget.root.updated', widget: hello('Hello', false) } },
      { type: 'thread.item.done', item: { id: 'message_7', widget: hello('Hello', false) } },
    ]);
    const added = events[0]?.type === 'thread.item.added' ? events[0].item.created_at : undefined;
    expect(events.at(-1)).toMatchObject({ item: { created_at: added } });
  });

  it('takes any async iterable, and gives legal events that reduce to the last state', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(widgetRoot, { minLength: 1, maxLength: 5 }), async (states) => {
        const source: AsyncIterable<WidgetRoot> = { [Symbol.asyncIterator]: () => from(...states) };
        const events = await collect(streamWidget(thread, source));
        const checker = createOrderChecker();
        for (const event of events) {
          expect(checker.check(event)).toBeUndefined();
          expect(threadStreamEventSchema.parse(event)).toEqual(event);
        }
        expect(checker.end()).toBeUndefined();
        // Before the last event the client has seen everything already.
        const [item] = selectItems(events.slice(0, -1).reduce(reduceThread, emptyThreadState));
        expect(item).toMatchObject({ widget: states.at(-1) });
      }),
    );
  });

  it('refuses a source without a state', async () => {
    const error = await collect(streamWidget(thread, from<WidgetRoot>())).catch((reason: unknown) => reason);
    expect(isChatKitError(error, 'internal')).toBe(true);
  });

  it('ends its source when it is left early, and passes its errors on', async () => {
    let ended = false;
    const source = (async function* () {
      try {
        yield hello('a');
        yield hello('ab');
      } finally {
        ended = true;
      }
    })();
    for await (const event of streamWidget(thread, source)) if (event.type === 'thread.item.added') break;
    expect(ended).toBe(true);
    const failing = (async function* () {
      yield hello('a');
      throw new RangeError('no more');
    })();
    await expect(collect(streamWidget(thread, failing))).rejects.toThrow(RangeError);
  });
});

describe('components', () => {
  it('have a builder each, named after the type', () => {
    const types = [
      ...['Card', 'ListView', 'Basic', 'ListViewItem', 'Box', 'Form', 'Row', 'Col', 'Text', 'Title', 'Caption'],
      ...['Markdown', 'Badge', 'Icon', 'Image', 'Button', 'Divider', 'Spacer', 'Transition', 'Input', 'Textarea'],
      ...['Select', 'DatePicker', 'Checkbox', 'RadioGroup', 'Label', 'Chart', 'Table', 'Table.Row', 'Table.Cell'],
    ];
    const builders = widgets as unknown as Record<string, (props: object) => object>;
    for (const type of types) {
      const name = type.replace('.', '').replace(/^./, (letter) => letter.toLowerCase());
      expect(builders[name]?.({ id: 'x', anything: [null] })).toEqual({ type, id: 'x', anything: [null] });
    }
  });

  it('write the defaults of an action out', () => {
    expect(action('book', { id: 1 })).toEqual({
      type: 'book',
      payload: { id: 1 },
      handler: 'server',
      loadingBehavior: 'auto',
      streaming: true,
    });
    expect(action('x', undefined, { handler: 'client', streaming: false })).toStrictEqual({
      type: 'x',
      handler: 'client',
      loadingBehavior: 'auto',
      streaming: false,
    });
  });
});
