/**
 * `.widget` files: Jinja templates that produce the JSON of a widget. Parsed once and rendered any number of times,
 * with the same results as the Python SDK's `WidgetTemplate`, by an interpreter: no code is generated.
 */
import type { WidgetRoot } from '../widget.ts';
import { filters } from './template/filters.ts';
import { parse } from './template/parse.ts';
import { render } from './template/render.ts';
import { invalidTemplate, renderFailed } from './template/template-error.ts';
import { tests } from './template/tests.ts';
import type { Dict } from './template/value.ts';

/** The content of a `.widget` file. Other fields of the file are ignored. */
export interface WidgetDefinition {
  /** `1.0` is the only version. */
  version: string;
  name: string;
  /** A Jinja template whose output is JSON. */
  template: string;
  /** A schema of the data. Kept for tools, never enforced, as in the Python SDK. */
  jsonSchema?: unknown;
}

/** A parsed template. */
export interface WidgetTemplate {
  readonly name: string;
  readonly jsonSchema: unknown;
  /**
   * Renders the widget for `data`, any JSON object. It is copied, so that a template can only change the copy. Throws
   * `widget.render_failed` if the template uses something that the data lacks, takes too long, or if the result is not
   * the JSON of a `Card`, `ListView` or `Basic`.
   */
  build(data?: Readonly<Record<string, unknown>>): WidgetRoot;
  /** The text that `build` parses as JSON, for tools and tests. */
  render(data?: Readonly<Record<string, unknown>>): string;
}

const roots: ReadonlySet<unknown> = new Set(['Card', 'ListView', 'Basic']);

/**
 * Parses a `.widget` file. Throws `widget.invalid_template`, with the line, for a syntax error, an unknown filter or
 * test, or an unsupported tag (`include`, `import`, `extends`, `macro`, `call`).
 *
 * @example
 * const template = createWidgetTemplate(JSON.parse(await readFile('order.widget', 'utf8')));
 * yield* streamWidget(thread, template.build({ title: 'Your order' }));
 */
export const createWidgetTemplate = (definition: WidgetDefinition): WidgetTemplate => {
  const { version, name, template, jsonSchema = {} } = definition;
  if (version !== '1.0') throw invalidTemplate(`Version ${JSON.stringify(version)} of widget files is not known here.`);
  if (typeof template !== 'string') throw invalidTemplate('A widget file needs a "template" that is a text.');
  const vocabulary = { filters: new Set(filters.keys()), tests: new Set(tests.keys()) };
  const statements = inRange(() => parse(template, vocabulary), invalidTemplate);
  const fill = (data?: Readonly<Record<string, unknown>>): string => {
    const copy = JSON.parse(JSON.stringify(data ?? {})) as Dict;
    return inRange(() => render(statements, copy), renderFailed);
  };
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

/** A template that is nested too deep, or makes too long a text, meets a limit of the runtime. */
const inRange = <T>(work: () => T, failed: (message: string) => Error): T => {
  try {
    return work();
  } catch (error) {
    throw error instanceof RangeError ? failed(`A template goes too far: ${error.message}.`) : error;
  }
};

const readJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw renderFailed('A template did not give JSON.', cause);
  }
};
