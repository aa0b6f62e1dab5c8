/**
 * Compares two states of a widget and makes the updates that lead from one to the other. Text that grew, in `Text` and
 * `Markdown` components with an `id`, becomes deltas; any other change becomes one update of the whole widget. Applying
 * the updates to the first state always gives the second. Where the Python SDK loses a change (text without an `id` or
 * in a single child, properties that appear or disappear), this sends the whole widget.
 */
import type { ThreadItemUpdateOf } from '../update.ts';
import type { WidgetRoot } from '../widget.ts';

/** An update made by `diffWidget`. */
export type WidgetUpdate = ThreadItemUpdateOf<'widget.root.updated' | 'widget.streaming_text.value_delta'>;

type Json = Readonly<Record<string, unknown>>;
type Append = ThreadItemUpdateOf<'widget.streaming_text.value_delta'>;

/**
 * The updates that lead from `before` to `after`; none when they are equal (null equals absent, as on the wire).
 *
 * @example
 * for (const update of diffWidget(before, after)) yield itemUpdated(item.id, update);
 */
export const diffWidget = (before: WidgetRoot, after: WidgetRoot): WidgetUpdate[] => {
  const appends: Append[] = [];
  const pure = onlyAppends(before, after, appends);
  if (pure && appends.every((append) => countId(after, append.component_id) === 1)) return appends;
  return [{ type: 'widget.root.updated', widget: after }];
};

/** Whether nothing changed but text that grew in addressable components; collects what was appended. */
const onlyAppends = (before: unknown, after: unknown, appends: Append[]): boolean => {
  if (Array.isArray(before) && Array.isArray(after)) {
    return before.length === after.length && before.every((child, at) => onlyAppends(child, after[at], appends));
  }
  if (!isObject(before) || !isObject(after)) return isEqual(before, after);
  return keysOf(before, after).every((key) => {
    if (key === 'children') return onlyAppends(before[key], after[key], appends);
    const grown = key === 'value' ? appendTo(before, after) : undefined;
    if (grown === undefined) return isEqual(before[key], after[key]);
    appends.push(grown);
    return true;
  });
};

const appendTo = (before: Json, after: Json): Append | undefined => {
  const { id, value, streaming } = after;
  const old = before['value'];
  if (after['type'] !== 'Text' && after['type'] !== 'Markdown') return undefined;
  if (typeof id !== 'string' || id === '' || typeof value !== 'string' || typeof old !== 'string') return undefined;
  if (value.length <= old.length || !value.startsWith(old)) return undefined;
  return {
    type: 'widget.streaming_text.value_delta',
    component_id: id,
    delta: value.slice(old.length),
    done: streaming !== true,
  };
};

/** A delta is applied to the first component with its id, so an id that occurs twice is not addressable. */
const countId = (component: unknown, id: string): number => {
  if (Array.isArray(component)) return component.reduce<number>((sum, child) => sum + countId(child, id), 0);
  if (!isObject(component)) return 0;
  return (component['id'] === id ? 1 : 0) + countId(component['children'], id);
};

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const keysOf = (a: Json, b: Json): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])];

const isEqual = (a: unknown, b: unknown): boolean => {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((entry, at) => isEqual(entry, b[at]));
  if (isObject(a) && isObject(b)) return keysOf(a, b).every((key) => isEqual(a[key], b[key]));
  return (a ?? undefined) === (b ?? undefined);
};
