/**
 * `.widget` files: a Jinja template that gives the JSON of a widget. Read once, filled in any number of times, with the
 * results of the reference's `WidgetTemplate`, by an interpreter: no code is generated.
 */
import type { WidgetRoot } from '../widget.ts';
import { filters } from './template/filters.ts';
import { parse } from './template/parse.ts';
import { render } from './template/render.ts';
import { invalidTemplate, renderFailed } from './template/template-error.ts';
import { tests } from './template/tests.ts';
import type { Dict } from './template/value.ts';

/** The content of a `.widget` file. Other fields of the file are not looked at. */
export interface WidgetDefinition {
  /** `1.0` is the only one there is. */
  version: string;
  name: string;
  /** Jinja that gives JSON. */
  template: string;
  /** What the data should look like. Kept for tools, never enforced, as in the reference. */
  jsonSchema?: unknown;
}

/** A template that has been read. */
export interface WidgetTemplate {
  readonly name: string;
  readonly jsonSchema: unknown;
  /**
   * The widget for `data` (any JSON object; it is copied, a template changes only the copy). Throws
   * `widget.render_failed` when the template uses what the data does not have, or when the result is not JSON of a
   * `Card`, `ListView` or `Basic`.
   */
  build(data?: Readonly<Record<string, unknown>>): WidgetRoot;
  /** The text that `build` reads as JSON, for tools and tests. */
  render(data?: Readonly<Record<string, unknown>>): string;
}

const roots: ReadonlySet<unknown> = new Set(['Card', 'ListView', 'Basic']);

/**
 * Reads a `.widget` definition. Throws `widget.invalid_template`, with the line, for a syntax error, an unknown filter
 * or test, or a tag that is not supported (`include`, `import`, `extends`, `macro`, `call`).
 *
 * @example
 * const template = createWidgetTemplate(JSON.parse(await readFile('order.widget', 'utf8')));
 * yield* streamWidget(thread, template.build({ title: 'Your order' }));
 */
export const createWidgetTemplate = (definition: WidgetDefinition): WidgetTemplate => {
  const { version, name, template, jsonSchema = {} } = definition;
  if (version !== '1.0') throw invalidTemplate(`Version ${JSON.stringify(version)} of widget files is not known here.`);
  if (typeof template !== 'string') throw invalidTemplate('A widget file needs a "template" that is a text.');
  const statements = parse(template, { filters: new Set(filters.keys()), tests: new Set(tests.keys()) });
  const fill = (data?: Readonly<Record<string, unknown>>): string =>
    render(statements, JSON.parse(JSON.stringify(data ?? {})) as Dict);
  return {
    name,
    jsonSchema,
    render: fill,
    build(data) {
      const widget = readJson(fill(data));
      const type = typeof widget === 'object' && widget !== null ? (widget as { type?: unknown }).type : undefined;
      if (!roots.has(type)) throw renderFailed('A template must give a Card, a ListView or a Basic.');
      return widget as WidgetRoot;
    },
  };
};

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw renderFailed('A template did not give JSON.', cause);
  }
};
