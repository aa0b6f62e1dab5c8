/** Widgets against the recordings: what changed between two states, and what a template renders. */
import { foldUpdate, toWireUpdate, type WidgetRoot, widgetItem } from '@chatkit/core';
import { describe, expect, it } from 'vitest';
import { diffWidget } from '../../packages/core/src/widgets/diff-widget.ts';
import { type Json, readJson } from './scenario.ts';

type Recorded = Json[] | { error: { type: string; message: string } };
interface DiffCase {
  name: string;
  before: WidgetRoot;
  after: WidgetRoot;
  /** Of dynamic widgets, which templates give. */
  dynamic: Recorded;
  /** Of the SDK's named classes, where they allow the widget. */
  strict?: Recorded;
}

const root = 'the whole widget';
/** `widget-diff` of `docs/reference/differences.md`: what the reference loses or raises on, and what we send. */
const differs: Record<string, typeof root | Json[]> = {
  'append without id': root,
  'one appends with id, one without': root,
  'append inside a single child': [
    { type: 'widget.streaming_text.value_delta', component_id: 't', delta: 'b', done: true },
  ],
  'basic with one child': [{ type: 'widget.streaming_text.value_delta', component_id: 't', delta: 'b', done: true }],
  'prop added': root,
  'prop removed': root,
  'prop added and text appends': root,
  'root prop added': root,
  // A delta for an id that is there twice reaches the first of the two.
  'same id twice': root,
  // To Python, 1 equals True.
  'boolean and number': root,
};

/** The updates as they go over the wire. */
const sent = (before: WidgetRoot, after: WidgetRoot): string =>
  JSON.stringify(diffWidget(before, after).map(toWireUpdate));

const diffs = readJson<DiffCase[]>('golden-widgets/diffs.json');

describe('the changes between two states of a widget', () => {
  it.each(diffs)('$name', ({ name, before, after, dynamic }) => {
    const difference = differs[name];
    const whole = [toWireUpdate({ type: 'widget.root.updated', widget: after })];
    const expected = difference === root ? whole : (difference ?? dynamic);
    expect(sent(before, after)).toBe(JSON.stringify(expected));
  });

  it('differ from the reference only where they are said to', () => {
    const found = diffs.filter(({ before, after, dynamic }) => sent(before, after) !== JSON.stringify(dynamic));
    expect(new Set(found.map(({ name }) => name))).toEqual(new Set(Object.keys(differs)));
  });

  it.each(diffs)('lead from the first to the second: $name', ({ before, after }) => {
    const first = widgetItem({ id: 'w', thread_id: 't', widget: before });
    const last = diffWidget(before, after).reduce(foldUpdate, first);
    expect(last).toEqual({ ...first, widget: after });
  });
});
