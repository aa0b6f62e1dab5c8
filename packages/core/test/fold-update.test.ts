import {
  type Annotation,
  annotationAdded,
  assistantMessage,
  foldUpdate,
  generatedImageItem,
  generatedImageUpdated,
  type ThreadItem,
  type ThreadItemUpdate,
  type ThreadItemUpdatedEvent,
  textDelta,
  type WidgetComponent,
  widgetComponentUpdated,
  widgetItem,
  widgetTextDelta,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const base = { thread_id: 'thr_1', id: 'x', created_at: '2026-01-02T03:04:05Z' };
const fold = (item: ThreadItem, { update }: ThreadItemUpdatedEvent) => foldUpdate(item, update);
const textPart = (text: string) => ({ type: 'output_text', text, annotations: [] });
/** Any number that is no place in a list of this length. */
const noPlaceIn = (length: number) =>
  fc.oneof(
    fc.integer({ max: -1 }),
    fc.double().filter((at) => !Number.isInteger(at)),
    fc.integer({ min: length }),
  );

describe('the text of a message', () => {
  it('goes to its part, behind whole empty ones where there were none', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 3 }), fc.nat(6), fc.string(), (texts, at, delta) => {
        const item = assistantMessage({ ...base, content: texts.map(textPart) as never });
        const expected = [...texts, ...Array(Math.max(0, at + 1 - texts.length)).fill('')];
        expected[at] += delta;
        expect(fold(item, textDelta('x', delta, at))).toEqual({ ...item, content: expected.map(textPart) });
      }),
    );
  });

  it('stays as it is where the place of an update is none, or too far off', () => {
    const item = assistantMessage({ ...base, text: 'a' });
    const update = noPlaceIn(1 + 256 + 1).map((at) => textDelta('x', 'b', at));
    fc.assert(fc.property(update, (event) => void expect(fold(item, event)).toBe(item)));
  });

  it('stays as it is where a delta is no text', () => {
    const item = assistantMessage({ ...base, text: 'a' });
    for (const delta of [undefined, null, 1, {}]) expect(fold(item, textDelta('x', delta as never))).toBe(item);
  });
});

it('an annotation goes to its place among the others, or behind them', () => {
  const annotation = (index: number): Annotation => ({
    type: 'annotation',
    index,
    source: { type: 'file', title: 't', filename: 'f' },
  });
  fc.assert(
    fc.property(fc.nat(3), fc.oneof(fc.nat(3), noPlaceIn(4)), (count, at) => {
      const annotations = Array.from({ length: count }, (_, index) => annotation(index));
      const after = fold(
        assistantMessage({ ...base, text: 'a', annotations }),
        annotationAdded('x', annotation(9), at),
      );
      const isPlace = Number.isInteger(at) && at >= 0 && at < count;
      const expected = annotations.toSpliced(isPlace ? at : count, 0, annotation(9));
      expect(after).toMatchObject({ content: [{ text: 'a', annotations: expected }] });
    }),
  );
});

describe('a workflow', () => {
  const task = (title: string) => ({ type: 'custom' as const, status_indicator: 'none' as const, title });
  const workflow = (titles: readonly string[]) => workflowItem({ ...base, tasks: titles.map(task) });

  it('has a task that is added behind the others, whatever its index says', () => {
    fc.assert(
      fc.property(fc.nat(5), (at) => {
        expect(fold(workflow(['a', 'b']), workflowTaskAdded('x', task('c'), at))).toEqual(workflow(['a', 'b', 'c']));
      }),
    );
  });

  it('has each of its tasks updated, and no other', () => {
    const item = workflow(['a', 'b']);
    expect(fold(item, workflowTaskUpdated('x', task('c'), 0))).toEqual(workflow(['c', 'b']));
    expect(fold(item, workflowTaskUpdated('x', task('c'), 1))).toEqual(workflow(['a', 'c']));
    const update = noPlaceIn(2).map((at) => workflowTaskUpdated('x', task('c'), at));
    fc.assert(fc.property(update, (event) => void expect(fold(item, event)).toBe(item)));
  });
});

it('an image takes the place of the one before it', () => {
  const [first, last] = ['1', '2'].map((id) => ({ id, url: `https://example.com/${id}.png` }));
  const item = generatedImageItem({ ...base, image: first });
  expect(fold(item, generatedImageUpdated('x', last as never))).toEqual({ ...item, image: last });
});

describe('a widget', () => {
  const widget = (value: string, streaming?: boolean) => ({
    type: 'Card' as const,
    id: 'c',
    children: [
      null,
      { type: 'Row', children: { type: 'Text', id: 't', value, ...(streaming === undefined ? {} : { streaming }) } },
    ],
  });
  const item = (...args: Parameters<typeof widget>) => widgetItem({ ...base, widget: widget(...args) as never });

  it('streams until its text is done', () => {
    expect(fold(item('a', true), widgetTextDelta('x', 't', 'b'))).toEqual(item('ab', true));
    expect(fold(item('a', true), widgetTextDelta('x', 't', 'b', true))).toEqual(item('ab', false));
    // A text that does not say that it streams need not say that it is done.
    expect(fold(item('a'), widgetTextDelta('x', 't', 'b', true))).toEqual(item('ab'));
  });

  it('is the same without the component that an update names, and where an update names none', () => {
    const before = item('a');
    const component = { type: 'Text', value: 'b' } as never;
    for (const id of ['other', undefined, null] as string[]) {
      expect(fold(before, widgetTextDelta('x', id, 'b'))).toBe(before);
      expect(fold(before, widgetComponentUpdated('x', id, component))).toBe(before);
    }
  });

  it('has no component where the stack does not reach, and a peer that nests them deeper has nothing thrown', () => {
    const nested = (levels: number): ThreadItem => {
      let child: WidgetComponent = { type: 'Text', id: 'deep', value: '' };
      for (let level = 2; level < levels; level += 1) child = { type: 'Box', children: level % 2 ? child : [child] };
      return widgetItem({ ...base, widget: { type: 'Card', children: [child] } });
    };
    const foundAt = (levels: number) => {
      const before = nested(levels);
      return fold(before, widgetTextDelta('x', 'deep', 'a')) !== before;
    };
    expect([2, 64, 256, 257, 50_000].map(foundAt)).toEqual([true, true, true, false, false]);
  });
});

it('an item is the same after an update of another kind of item', () => {
  const items = [assistantMessage(base), workflowItem(base), generatedImageItem(base)];
  const updates: ThreadItemUpdate[] = [
    textDelta('x', 'a'),
    workflowTaskAdded('x', { type: 'thought', status_indicator: 'none', content: '' } as never, 0),
    generatedImageUpdated('x', { id: '1', url: 'u' }),
  ].map(({ update }) => update);
  items.forEach((item, at) => {
    for (const update of updates.toSpliced(at, 1)) expect(foldUpdate(item, update)).toBe(item);
  });
});
