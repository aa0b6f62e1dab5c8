/** Widgets against the recordings: what changed between two states, and what a template renders. */
import { foldUpdate, isChatKitError, toWireUpdate, type WidgetRoot, widgetItem } from '@chatkit/core';
import { createWidgetTemplate, diffWidget, type WidgetDefinition } from '@chatkit/core/widgets';
import { describe, expect, it } from 'vitest';
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

type Failed = { error: { type: string; message: string } };
type TemplateCase = { name: string; data?: Record<string, unknown> | null } & (Failed | { text: string; widget: Json });
type ExpressionCase = { template: string } & (Failed | { text: string });

/** What the reference raises, and the code of what ours throws. */
const codes: Record<string, string> = {
  TemplateSyntaxError: 'widget.invalid_template',
  TemplateAssertionError: 'widget.invalid_template',
  ValueError: 'widget.invalid_template',
  UndefinedError: 'widget.render_failed',
  TypeError: 'widget.render_failed',
  ZeroDivisionError: 'widget.render_failed',
  JSONDecodeError: 'widget.render_failed',
  ValidationError: 'widget.render_failed',
};

const codeOf = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    if (!isChatKitError(error)) throw error;
    return { code: error.code };
  }
};

describe('a .widget file gives the widget that the reference gives', () => {
  it.each(readJson<TemplateCase[]>('golden-widgets/templates.json'))('$name $data', ({ name, data, ...recorded }) => {
    const build = () => {
      const template = createWidgetTemplate(readJson<WidgetDefinition>(`fixtures/widgets/${name}.widget`));
      const widget = template.build(data ?? {});
      return { text: template.render(data ?? {}), widget };
    };
    if ('error' in recorded) {
      expect(codeOf(build)).toEqual({ code: codes[recorded.error.type] });
      return;
    }
    const { text, widget } = build();
    expect(text).toBe(recorded.text);
    // As sent: the reference drops nulls when it writes a widget.
    const sentWidget = toWireUpdate({ type: 'widget.root.updated', widget });
    expect(JSON.stringify(sentWidget)).toBe(JSON.stringify({ type: 'widget.root.updated', widget: recorded.widget }));
  });
});

describe('an expression renders as in jinja2', () => {
  const { data } = readJson<{ data: Record<string, unknown> }>('fixtures/template-expressions.json');
  /** `part-of-jinja` of the page of differences: another text, or the code of a refusal. */
  const differs = new Map<string, { text: string } | { code: string }>([
    ['{{ one }}|{{ one | tojson }}', { text: '1|1' }],
    ['{{ 123456789012345678 }}', { text: '123456789012345680' }],
    ['{{ (1, 2) }}|{{ () }}|{{ (1,) }}', { text: '[1, 2]|[]|[1]' }],
    [
      '{{ d | items | list }}|{{ d.items() | list }}|{{ d | dictsort }}',
      { text: Array(3).fill("[['a', 1], ['b', 'two'], ['k y', None]]").join('|') },
    ],
    ['{{ range(3) }}', { text: '[0, 1, 2]' }],
    ["{{ 'aXb'.partition('X') }}", { code: 'widget.render_failed' }],
    ["{{ 'Hello {}'.format('you') }}", { code: 'widget.render_failed' }],
    ["{{ '%05.1f' % f }}", { code: 'widget.render_failed' }],
    ["{{ '%s' % s }}", { code: 'widget.render_failed' }],
    ['{{ n.real }}', { code: 'widget.render_failed' }],
    ['{{ s.__class__ }}', { code: 'widget.render_failed' }],
    ['{{ s.__class__.__mro__ }}', { code: 'widget.render_failed' }],
    ['{{ l | slice(2) | list }}', { code: 'widget.invalid_template' }],
    ["{{ users | groupby('name') | map('first') | list }}", { code: 'widget.invalid_template' }],
    ["{{ 'a b' | urlencode }}", { code: 'widget.invalid_template' }],
    ['{{ html | striptags }}', { code: 'widget.invalid_template' }],
    ['{{ s | center(9) }}', { code: 'widget.invalid_template' }],
    [
      "{% macro item(a, b='d') %}<{{ a }}{{ b }}>{% endmacro %}{{ item(1) }}{{ item(1, 2) }}{{ item(b=3, a=4) }}",
      { code: 'widget.invalid_template' },
    ],
    ['{% block x %}b{% endblock %}', { code: 'widget.invalid_template' }],
    ["{% include 'x' %}", { code: 'widget.invalid_template' }],
  ]);
  const recordings = readJson<ExpressionCase[]>('golden-widgets/expressions.json');

  it('except where it is said to differ', () => {
    expect([...differs.keys()].filter((template) => !recordings.some((each) => each.template === template))).toEqual(
      [],
    );
  });

  it.each(recordings)('$template', ({ template, ...recorded }) => {
    const render = () => ({ text: createWidgetTemplate({ version: '1.0', name: 'x', template }).render(data) });
    const expected = 'error' in recorded ? { code: codes[recorded.error.type] } : recorded;
    expect(codeOf(render)).toEqual(differs.get(template) ?? expected);
  });
});
