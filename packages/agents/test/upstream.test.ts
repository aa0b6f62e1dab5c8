import type { AssistantMessageItem, ThreadItem, ThreadStreamEvent, WidgetRoot } from '@chatkit/core';
import { emptyThreadState, reduceThread, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { describe, expect, test } from 'vitest';
import {
  type AgentRunEvent,
  accumulateText,
  type RawCitation,
  ResponseStreamConverter,
  type StreamAgentResponseOptions,
  streamAgentResponse,
} from '../src/index.ts';
import { collectAll, createContext, outline, raw, responses, scriptedRun } from './scripted-run.ts';

// What the reference's tests of its bridge assert (openai-chatkit 1.6.5, named after them), on both of our paths: models
// that speak the Responses API, and all others. Those of its input converter are in thread-item-converter.test.ts.

type Citation = RawCitation;
type Step = AgentRunEvent | (() => void);

/** How a kind of model says things. */
interface Path {
  readonly name: string;
  /** The beginning of a response. */
  readonly begin: Step[];
  message(id: string, deltas: readonly string[], citations?: readonly Citation[]): Step[];
  thought(index: number, deltas: readonly string[]): Step[];
  call(callId: string, id: string, name: string): Step[];
  image(id: string, base64: string): Step[];
  /** The end of a response, with what it holds beside what was said. */
  end(...output: object[]): Step[];
  /** The item id that a provider's id becomes. */
  itemId(id: string, ours: string): string;
}

const at = (item_id: string) => ({ item_id, output_index: 0, content_index: 0 });
const part = (event: object) => raw({ type: 'model', event });

const responsesPath: Path = {
  name: 'Responses models',
  begin: [raw({ type: 'response_started' }), responses({ type: 'response.created' })],
  message(id, deltas, citations = []) {
    const text = deltas.join('');
    const content = [{ type: 'output_text', text, annotations: citations }];
    return [
      responses({ type: 'response.output_item.added', item: { id, type: 'message' } }),
      responses({ type: 'response.content_part.added', ...at(id), part: { type: 'output_text', text: '' } }),
      ...deltas.flatMap((delta) => [
        raw({ type: 'output_text_delta', delta }),
        responses({ type: 'response.output_text.delta', ...at(id), delta }),
      ]),
      ...citations.map((annotation) =>
        responses({ type: 'response.output_text.annotation.added', ...at(id), annotation }),
      ),
      responses({ type: 'response.output_text.done', ...at(id), text }),
      responses({ type: 'response.output_item.done', item: { id, type: 'message', content } }),
    ];
  },
  thought: (summary_index, deltas) => [
    responses({ type: 'response.output_item.added', item: { id: 'rs', type: 'reasoning' } }),
    ...deltas.map((delta) => responses({ type: 'response.reasoning_summary_text.delta', summary_index, delta })),
    responses({ type: 'response.reasoning_summary_text.done', summary_index, text: deltas.join('') }),
  ],
  call: (call_id, id, name) => [
    responses({ type: 'response.output_item.done', item: { type: 'function_call', id, call_id, name } }),
  ],
  image: (id, result) => [
    responses({ type: 'response.output_item.added', item: { id, type: 'image_generation_call' } }),
    responses({ type: 'response.output_item.done', item: { id, type: 'image_generation_call', result } }),
  ],
  end: () => [raw({ type: 'response_done', response: { output: [] } })],
  itemId: (id) => id,
};

const otherPath: Path = {
  name: 'all other models',
  begin: [raw({ type: 'response_started' })],
  message: (id, deltas, citations = []) => [
    ...deltas.map((delta) => raw({ type: 'output_text_delta', delta, itemId: id })),
    ...otherPath.end({
      type: 'message',
      id,
      role: 'assistant',
      content: [{ type: 'output_text', text: deltas.join(''), providerData: { annotations: citations } }],
    }),
  ],
  thought: (index, deltas) => [
    ...deltas.map((delta) => part({ type: 'reasoning-delta', id: String(index), delta })),
    part({ type: 'reasoning-end', id: String(index) }),
  ],
  call: (callId, id, name) => otherPath.end({ type: 'function_call', id, callId, name }),
  image: (_id, data) => [part({ type: 'file', mediaType: 'image/png', data })],
  end: (...output) => [raw({ type: 'response_done', response: { output } })],
  itemId: (_id, ours) => ours,
};

const file = { type: 'file_citation', file_id: 'f', filename: 'a.txt', index: 3 };
const container = {
  type: 'container_file_citation',
  file_id: 'f',
  container_id: 'c',
  filename: 'b.csv',
  start_index: 0,
  end_index: 5,
};
const url = { type: 'url_citation', url: 'https://example.com/', title: 'Example', start_index: 0, end_index: 7 };
const annotation = {
  file: { type: 'annotation', source: { type: 'file', title: 'a.txt', filename: 'a.txt' }, index: 3 },
  container: { type: 'annotation', source: { type: 'file', title: 'b.csv', filename: 'b.csv' }, index: 5 },
  url: { type: 'annotation', source: { type: 'url', title: 'Example', url: 'https://example.com/' }, index: 7 },
};

describe.each([responsesPath, otherPath])('$name', (path) => {
  const bridge = async (
    steps: (context: Awaited<ReturnType<typeof createContext>>) => Step[],
    options: StreamAgentResponseOptions = {},
    clock = { now: Date.parse('2026-01-01T00:00:00Z') },
  ) => {
    const context = await createContext({ clock });
    const run = scriptedRun([...path.begin, ...steps(context)]);
    const events = await collectAll(streamAgentResponse(context, run, options));
    const checker = createOrderChecker();
    expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
    return { events, context, items: selectItems(events.reduce(reduceThread, emptyThreadState)) };
  };
  const messagesIn = (items: readonly ThreadItem[]) =>
    items.filter((item): item is AssistantMessageItem => item.type === 'assistant_message');
  const updatesIn = (events: readonly ThreadStreamEvent[], type: string) =>
    events.flatMap((event) =>
      event.type === 'thread.item.updated' && event.update.type === type ? [event.update] : [],
    );
  const widget = (value: string): WidgetRoot => ({ type: 'Card', children: [{ type: 'Text', id: 't', value }] });

  test('returns_widget_item, _generator and _full_replace_generator: in their place before the answer', async () => {
    const context = await createContext();
    const states = async function* (...values: string[]) {
      for (const value of values) yield widget(value);
    };
    const run = {
      async *[Symbol.asyncIterator]() {
        yield* path.begin as AgentRunEvent[];
        await context.streamWidget(widget('static'));
        await context.streamWidget(states('Hello', 'Hello, world'));
        await context.streamWidget(states('one', 'two'));
        yield* path.message('m1', ['Hi']) as AgentRunEvent[];
      },
    };
    const lines = outline(await collectAll(streamAgentResponse(context, run)));
    expect(lines.slice(0, 7)).toEqual([
      'done widget message_1',
      'added widget message_2',
      'widget.streaming_text.value_delta message_2',
      'done widget message_2',
      'added widget message_3',
      'widget.root.updated message_3',
      'done widget message_3',
    ]);
    expect(lines[7]).toBe(`added assistant_message ${path.itemId('m1', 'message_4')}`);
  });

  test('client_tool_call_uses_raw_function_call_id', async () => {
    const { items } = await bridge((context) => [
      ...path.call('call_123', 'fc_123', 'pick'),
      () => context.callClientTool({ name: 'pick', arguments: { a: 1 }, callId: 'call_123' }),
    ]);
    expect(items).toMatchObject([
      {
        type: 'client_tool_call',
        id: path.itemId('fc_123', 'tool_call_1'),
        call_id: 'call_123',
        name: 'pick',
        arguments: { a: 1 },
        status: 'pending',
      },
    ]);
  });

  test('accumulate_text', async () => {
    const base = { type: 'Text', id: 't', value: '', streaming: true };
    const states: unknown[] = [];
    const run = scriptedRun([...path.begin, ...path.message('m1', ['Hel', 'lo'])]);
    for await (const state of accumulateText(run, base)) states.push(state);
    expect(states).toEqual([
      base,
      { ...base, value: 'Hel' },
      { ...base, value: 'Hello' },
      { ...base, value: 'Hello', streaming: false },
    ]);
  });

  test('yields_context_events_without_streaming_events', async () => {
    const { events } = await bridge((context) => [() => context.stream({ type: 'progress_update', text: 'Hm' })]);
    expect(events).toEqual([{ type: 'progress_update', text: 'Hm' }]);
  });

  test('maps_events, and event_mapping of deltas, parts and the finished text', async () => {
    const { events, items } = await bridge((context) => [
      () => context.stream({ type: 'progress_update', text: 'Hm' }),
      ...path.message('m1', ['Hel', 'lo']),
    ]);
    expect(events[0]).toEqual({ type: 'progress_update', text: 'Hm' });
    expect(updatesIn(events, 'assistant_message.content_part.added')).toEqual([
      {
        type: 'assistant_message.content_part.added',
        content_index: 0,
        content: { type: 'output_text', text: '', annotations: [] },
      },
    ]);
    expect(updatesIn(events, 'assistant_message.content_part.text_delta')).toMatchObject([
      { content_index: 0, delta: 'Hel' },
      { content_index: 0, delta: 'lo' },
    ]);
    expect(items).toMatchObject([
      {
        id: path.itemId('m1', 'message_1'),
        content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
      },
    ]);
  });

  test('emits_annotation_added_events and annotation_added_normalizes_annotations', async () => {
    const nameless = { ...file, filename: '' };
    const { events, items } = await bridge(() => path.message('m1', ['See it'], [nameless, file, url]));
    expect(updatesIn(events, 'assistant_message.content_part.annotation_added')).toEqual(
      [annotation.file, annotation.url].map((each, annotation_index) => ({
        type: 'assistant_message.content_part.annotation_added',
        content_index: 0,
        annotation_index,
        annotation: each,
      })),
    );
    expect(messagesIn(items)[0]?.content[0]?.annotations).toEqual([annotation.file, annotation.url]);
  });

  test('custom_annotation_conversion: for the annotation as it comes, and for the finished item', async () => {
    class Own extends ResponseStreamConverter {
      override async fileCitationToAnnotation() {
        return { type: 'annotation', source: { type: 'entity', id: 'e', title: 'Mine' } } as never;
      }
    }
    const options = { converter: new Own() };
    const { events, items } = await bridge(() => path.message('m1', ['See it'], [file]), options);
    const own = { source: { type: 'entity', title: 'Mine' } };
    expect(updatesIn(events, 'assistant_message.content_part.annotation_added')).toMatchObject([{ annotation: own }]);
    expect(messagesIn(items)[0]?.content[0]?.annotations).toMatchObject([own]);
  });

  test.each(['Input', 'Output'])('yields_item_removed_event: %s guardrail', async (kind) => {
    const name = `${kind}GuardrailTripwireTriggered`;
    const Tripwire = { [name]: class extends Error {} }[name] as new () => Error;
    const tripped = new Tripwire();
    const context = await createContext();
    const run = scriptedRun([
      ...path.begin,
      ...path.message('1', ['one']),
      () =>
        context.stream({
          type: 'thread.item.done',
          item: { type: 'end_of_turn', id: '2', thread_id: 'thr_1', created_at: '2026-01-01T00:00:00Z' },
        }),
      ...path.message('3', ['three']),
      () => {
        throw tripped;
      },
    ]);
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(context, run)) {
        events.push(event);
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await expect(reading).rejects.toBe(tripped);
    const shown = events.flatMap((event) => (event.type === 'thread.item.added' ? [event.item.id] : []));
    const taken = events.flatMap((event) => (event.type === 'thread.item.removed' ? [event.item_id] : []));
    expect(new Set(taken).size).toBe(taken.length);
    expect(new Set(taken)).toEqual(new Set([...shown, ...(taken.includes('2') ? ['2'] : [])]));
    expect(selectItems(events.reduce(reduceThread, emptyThreadState))).toEqual([]);
  });

  test('assistant_message_content_types: files, containers and pages are kept, a bare path is not, searches are ignored', async () => {
    const path_ = { type: 'file_path', file_id: 'f', index: 0 };
    const search = { type: 'response.output_item.done', item: { type: 'file_search_call', id: 's', queries: ['q'] } };
    const { items } = await bridge(() => [
      ...(path === responsesPath ? [responses(search)] : []),
      ...path.message('m1', ['See all'], [file, container, url, path_]),
    ]);
    expect(items).toHaveLength(1);
    expect(messagesIn(items)[0]?.content[0]?.annotations).toEqual([
      annotation.file,
      annotation.container,
      annotation.url,
    ]);
  });

  test('image_generation_events, with a data URL and with a converter of one’s own', async () => {
    const { events, items } = await bridge(() => path.image('ig', 'QUJD'));
    expect(outline(events)).toEqual(['added generated_image message_1', 'done generated_image message_1']);
    expect(events[0]).not.toHaveProperty('item.image');
    expect(items).toMatchObject([{ image: { url: 'data:image/png;base64,QUJD' } }]);

    const calls: unknown[][] = [];
    class Own extends ResponseStreamConverter {
      override base64ImageToUrl(...args: [string, string, number?]) {
        calls.push(args);
        return 'https://images.example/1';
      }
    }
    const own = await bridge(() => path.image('ig', 'QUJD'), { converter: new Own() });
    expect(own.items).toMatchObject([{ image: { url: 'https://images.example/1' } }]);
    expect(calls).toEqual([[path.itemId('ig', '1.image.0'), 'QUJD']]);
  });

  test('workflow_streams_first_thought; later ones come whole', async () => {
    const { events } = await bridge(() => [...path.thought(0, ['Think', 'ing 1']), ...path.thought(1, ['Then 2'])]);
    const tasks = events.flatMap((event) =>
      event.type === 'thread.item.updated' && 'task' in event.update
        ? [`${event.update.type} ${event.update.task_index} ${(event.update.task as { content?: string }).content}`]
        : [],
    );
    expect(outline(events)[0]).toBe('added workflow workflow_1');
    expect(tasks).toEqual([
      'workflow.task.added 0 Think',
      'workflow.task.updated 0 Thinking 1',
      'workflow.task.updated 0 Thinking 1',
      'workflow.task.added 1 Then 2',
    ]);
  });

  test('workflow_ends_on_message, with the seconds that it took', async () => {
    const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
    const { events, items, context } = await bridge(
      () => [
        ...path.thought(0, ['Hm']),
        () => {
          clock.now += 2_500;
        },
        ...path.message('m1', ['Hi']),
      ],
      {},
      clock,
    );
    expect(items[0]).toMatchObject({ workflow: { summary: { duration: 2 }, expanded: false } });
    const lines = outline(events);
    expect(lines.indexOf('done workflow workflow_1')).toBe(
      lines.findIndex((line) => line.startsWith('added assistant_message')) - 1,
    );
    expect(context.workflow).toBeUndefined();
  });

  test('existing_workflow_summary_not_overwritten_on_automatic_end', async () => {
    const { items } = await bridge((context) => [
      () => context.startWorkflow({ type: 'custom', tasks: [], summary: { title: 'Mine' }, expanded: false }),
      () => context.addWorkflowTask({ type: 'custom', status_indicator: 'none', title: 'one' }),
      ...path.message('m1', ['Hi']),
    ]);
    expect(items[0]).toMatchObject({ workflow: { summary: { title: 'Mine' } } });
  });
});

test('image_generation_partial_progress: Responses models alone send unfinished images', async () => {
  const run = scriptedRun([
    ...responsesPath.begin,
    responses({ type: 'response.output_item.added', item: { id: 'ig', type: 'image_generation_call' } }),
    responses({
      type: 'response.image_generation_call.partial_image',
      item_id: 'ig',
      partial_image_b64: 'QQ',
      partial_image_index: 1,
    }),
  ]);
  const converter = new ResponseStreamConverter({ partialImages: 3 });
  const events = await collectAll(streamAgentResponse(await createContext(), run, { converter }));
  expect(events[1]).toMatchObject({ update: { type: 'generated_image.updated', progress: 1 / 3 } });
});
