import type { ThreadItem, ThreadStreamEvent, WorkflowItem } from '@chatkit/core';
import { CustomStreamError, emptyThreadState, itemDone, reduceThread, StreamError, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createEventQueue } from '../src/event-queue.ts';
import { type AgentRun, type AgentRunEvent, ResponseStreamConverter, streamAgentResponse } from '../src/index.ts';
import { collectAll, createContext, outline, raw, responses, scriptedRun } from './scripted-run.ts';

const messageAdded = responses({ type: 'response.output_item.added', item: { id: 'msg_1', type: 'message' } });
const partAdded = responses({
  type: 'response.content_part.added',
  item_id: 'msg_1',
  content_index: 0,
  part: { type: 'output_text', text: '' },
});
const delta = (text: string): AgentRunEvent[] => [
  raw({ type: 'output_text_delta', delta: text }),
  responses({ type: 'response.output_text.delta', item_id: 'msg_1', content_index: 0, delta: text }),
];
const created = [raw({ type: 'response_started' }), responses({ type: 'response.created' })];
const messageDone = (content: object[]) =>
  responses({ type: 'response.output_item.done', item: { id: 'msg_1', type: 'message', content } });

const widget: ThreadItem = {
  type: 'widget',
  id: 'w',
  thread_id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  widget: { type: 'Card', children: [] },
};

const textOf = (events: readonly ThreadStreamEvent[]): string =>
  events
    .map((event) =>
      event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta'
        ? event.update.delta
        : '',
    )
    .join('');

describe('a Responses model', () => {
  test('streams a message under the provider’s id, each delta once', async () => {
    const run = scriptedRun([
      ...created,
      messageAdded,
      partAdded,
      ...delta('Hello'),
      ...delta(', world'),
      responses({ type: 'response.output_text.done', item_id: 'msg_1', content_index: 0, text: 'Hello, world' }),
      messageDone([{ type: 'output_text', text: 'Hello, world', annotations: [] }]),
      raw({ type: 'response_done', response: { output: [] } }),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(outline(events)).toEqual([
      'added assistant_message msg_1',
      'assistant_message.content_part.added msg_1',
      'assistant_message.content_part.text_delta msg_1',
      'assistant_message.content_part.text_delta msg_1',
      'assistant_message.content_part.done msg_1',
      'done assistant_message msg_1',
    ]);
    expect(textOf(events)).toBe('Hello, world');
  });

  test('streams a refusal as text', async () => {
    const refused = (type: string, rest: object) => responses({ type, item_id: 'msg_1', content_index: 0, ...rest });
    const run = scriptedRun([
      ...created,
      messageAdded,
      refused('response.content_part.added', { part: { type: 'refusal', refusal: '' } }),
      refused('response.refusal.delta', { delta: 'I can’t ' }),
      refused('response.refusal.delta', { delta: 'do that.' }),
      refused('response.refusal.done', { refusal: 'I can’t do that.' }),
      messageDone([{ type: 'refusal', refusal: 'I can’t do that.' }]),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(textOf(events)).toBe('I can’t do that.');
  });

  test('keeps annotations when the text is done, counts their indices, drops citations without a file name', async () => {
    const cite = (annotation: object) =>
      responses({ type: 'response.output_text.annotation.added', item_id: 'msg_1', content_index: 0, annotation });
    const file = { type: 'file_citation', filename: 'a.txt', file_id: 'f', index: 3 };
    const url = { type: 'url_citation', url: 'https://example.com/', title: 'Example', start_index: 0, end_index: 7 };
    const run = scriptedRun([
      ...created,
      messageAdded,
      partAdded,
      ...delta('See a.txt'),
      cite({ type: 'file_citation', filename: '', file_id: 'f', index: 1 }),
      cite(file),
      cite(url),
      cite({ type: 'file_path', file_id: 'f', index: 1 }),
      responses({ type: 'response.output_text.done', item_id: 'msg_1', content_index: 0, text: 'See a.txt' }),
      messageDone([{ type: 'output_text', text: 'See a.txt', annotations: [file, url] }]),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    const annotations = [
      { type: 'annotation', source: { type: 'file', title: 'a.txt', filename: 'a.txt' }, index: 3 },
      { type: 'annotation', source: { type: 'url', title: 'Example', url: 'https://example.com/' }, index: 7 },
    ];
    const updates = events.flatMap((event) => (event.type === 'thread.item.updated' ? [event.update] : []));
    expect(updates.filter((update) => update.type === 'assistant_message.content_part.annotation_added')).toEqual(
      annotations.map((annotation, annotation_index) => ({
        type: 'assistant_message.content_part.annotation_added',
        content_index: 0,
        annotation_index,
        annotation,
      })),
    );
    expect(updates.at(-1)).toMatchObject({ content: { annotations } });
    expect(events.at(-1)).toMatchObject({ item: { content: [{ annotations }] } });
  });

  test('asks a converter of one’s own for images and citations', async () => {
    class Own extends ResponseStreamConverter {
      override async base64ImageToUrl(id: string, base64: string, partial?: number) {
        return `https://images.example/${id}/${base64}/${partial ?? 'whole'}`;
      }
    }
    const image = { id: 'ig_1', type: 'image_generation_call' };
    const run = scriptedRun([
      responses({ type: 'response.output_item.added', item: image }),
      responses({
        type: 'response.image_generation_call.partial_image',
        item_id: 'ig_1',
        partial_image_b64: 'AA',
        partial_image_index: 1,
      }),
      responses({ type: 'response.output_item.done', item: { ...image, result: 'BB' } }),
    ]);
    const converter = new Own({ partialImages: 3 });
    const events = await collectAll(streamAgentResponse(await createContext(), run, { converter }));
    expect(outline(events)).toEqual([
      'added generated_image message_1',
      'generated_image.updated message_1',
      'done generated_image message_1',
    ]);
    expect(events[1]).toMatchObject({
      update: { image: { id: 'ig_1', url: 'https://images.example/ig_1/AA/1' }, progress: 1 / 3 },
    });
    expect(events[2]).toMatchObject({ item: { image: { url: 'https://images.example/ig_1/BB/whole' } } });
  });

  test('shows reasoning as a workflow: the first thought streams, later ones arrive whole, the message ends it', async () => {
    const clock = { now: Date.parse('2026-01-01T00:00:00Z') };
    const summary = (type: string, summary_index: number, rest: object) =>
      responses({ type: `response.reasoning_summary_text.${type}`, item_id: 'rs_1', summary_index, ...rest });
    const run = scriptedRun([
      responses({ type: 'response.output_item.added', item: { id: 'rs_1', type: 'reasoning' } }),
      summary('delta', 0, { delta: 'First, ' }),
      summary('delta', 0, { delta: 'look.' }),
      summary('done', 0, { text: 'First, look.' }),
      summary('delta', 1, { delta: 'Then' }),
      summary('done', 1, { text: 'Then write.' }),
      () => {
        clock.now += 4_900;
      },
      messageAdded,
      messageDone([{ type: 'output_text', text: 'Done.', annotations: [] }]),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext({ clock }), run));
    expect(outline(events)).toEqual([
      'added workflow workflow_1',
      'workflow.task.added workflow_1',
      'workflow.task.updated workflow_1',
      'workflow.task.updated workflow_1',
      'workflow.task.added workflow_1',
      'done workflow workflow_1',
      'added assistant_message msg_1',
      'done assistant_message msg_1',
    ]);
    expect(events[5]).toMatchObject({
      item: {
        workflow: {
          type: 'reasoning',
          expanded: false,
          summary: { duration: 4 },
          tasks: [{ content: 'First, look.' }, { content: 'Then write.' }],
        },
      },
    });
  });
});

describe('every other model', () => {
  const chunk = (delta: object) => raw({ type: 'model', event: { choices: [{ index: 0, delta }] } });

  test('streams text deltas as a message with an id of ours, and closes it with what the response holds', async () => {
    const run = scriptedRun([
      raw({ type: 'response_started' }),
      chunk({ content: 'Hel' }),
      raw({ type: 'output_text_delta', delta: 'Hel', itemId: 'chatcmpl-1' }),
      raw({ type: 'output_text_delta', delta: 'lo', itemId: 'chatcmpl-1' }),
      raw({
        type: 'response_done',
        response: {
          id: 'chatcmpl-1',
          output: [
            {
              id: 'chatcmpl-1',
              type: 'message',
              role: 'assistant',
              content: [
                {
                  type: 'output_text',
                  text: 'Hello',
                  providerData: {
                    annotations: [{ type: 'url_citation', url: 'https://a.example/', title: 'A', end_index: 5 }],
                  },
                },
              ],
            },
          ],
        },
      }),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(outline(events)).toEqual([
      'added assistant_message message_1',
      'assistant_message.content_part.added message_1',
      'assistant_message.content_part.text_delta message_1',
      'assistant_message.content_part.text_delta message_1',
      'assistant_message.content_part.annotation_added message_1',
      'done assistant_message message_1',
    ]);
    expect(events.at(-1)).toMatchObject({
      item: { content: [{ text: 'Hello', annotations: [{ source: { url: 'https://a.example/' } }] }] },
    });
  });

  test('a refusal that was streamed stays in its part, whatever part the response has it in', async () => {
    const run = scriptedRun([
      raw({ type: 'response_started' }),
      chunk({ refusal: 'I can’t ' }),
      chunk({ refusal: 'do that.' }),
      raw({
        type: 'response_done',
        response: {
          output: [
            {
              type: 'message',
              content: [
                { type: 'output_text', text: '' },
                { type: 'refusal', refusal: 'I can’t do that.' },
              ],
            },
          ],
        },
      }),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(textOf(events)).toBe('I can’t do that.');
    expect(events.at(-1)).toHaveProperty('item.content', [
      { type: 'output_text', text: 'I can’t do that.', annotations: [] },
    ]);
  });

  test('gives two messages of one response id two ids', async () => {
    const turn = (text: string) => [
      raw({ type: 'response_started' }),
      raw({ type: 'output_text_delta', delta: text, itemId: 'FAKE_ID' }),
      raw({
        type: 'response_done',
        response: { output: [{ id: 'FAKE_ID', type: 'message', content: [{ type: 'output_text', text }] }] },
      }),
    ];
    const events = await collectAll(
      streamAgentResponse(await createContext(), scriptedRun([...turn('one'), ...turn('two')])),
    );
    const done = events.flatMap((event) => (event.type === 'thread.item.done' ? [event.item.id] : []));
    expect(done).toEqual(['message_1', 'message_2']);
  });

  test('shows a message that was not streamed', async () => {
    const output = [{ type: 'message', content: [{ type: 'output_text', text: 'All at once.' }] }];
    const run = scriptedRun([raw({ type: 'response_started' }), raw({ type: 'response_done', response: { output } })]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(events.at(-1)).toMatchObject({ item: { content: [{ text: 'All at once.' }] } });
  });

  test.each([['reasoning'], ['reasoning_content']])('shows %s of a chunk as it streams', async (name) => {
    const run = scriptedRun([
      raw({ type: 'response_started' }),
      chunk({ [name]: 'Let me ' }),
      chunk({ [name]: 'think.' }),
      raw({ type: 'output_text_delta', delta: 'Yes.' }),
      raw({ type: 'response_done', response: { output: [] } }),
    ]);
    const events = await collectAll(streamAgentResponse(await createContext(), run));
    expect(outline(events)).toEqual([
      'added workflow workflow_1',
      'workflow.task.added workflow_1',
      'workflow.task.updated workflow_1',
      'workflow.task.updated workflow_1',
      'done workflow workflow_1',
      'added assistant_message message_1',
      'assistant_message.content_part.added message_1',
      'assistant_message.content_part.text_delta message_1',
      'done assistant_message message_1',
    ]);
  });
});

describe('a model behind the AI SDK', () => {
  const part = (event: object) => raw({ type: 'model', event });
  const word = (delta: string, id = '0') => [
    part({ type: 'text-delta', id, delta }),
    raw({ type: 'output_text_delta', delta, itemId: id }),
  ];
  const done = (...output: object[]) => raw({ type: 'response_done', response: { output } });
  const message = (text: string) => ({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] });
  const itemsOf = async (...events: AgentRunEvent[]) => {
    const all = await collectAll(streamAgentResponse(await createContext(), scriptedRun(events)));
    const checker = createOrderChecker();
    expect(all.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
    return selectItems(all.reduce(reduceThread, emptyThreadState));
  };

  test('sources are annotations where they were named; one that comes before the text has no position', async () => {
    const url = (name: string) =>
      part({ type: 'source', sourceType: 'url', url: `https://${name}.example/`, title: name });
    const items = await itemsOf(
      url('early'),
      ...word('One'),
      url('a'),
      ...word(' two'),
      url('b'),
      done(message('One two')),
    );
    const annotation = (name: string, position: object) => ({
      type: 'annotation',
      source: { type: 'url', title: name, url: `https://${name}.example/` },
      ...position,
    });
    expect(items).toMatchObject([
      {
        content: [
          {
            text: 'One two',
            annotations: [annotation('early', {}), annotation('a', { index: 3 }), annotation('b', { index: 7 })],
          },
        ],
      },
    ]);
    expect(items[0]).not.toHaveProperty('content.0.annotations.0.index');
    const more = { ...message('One'), content: ['One', 'Two'].map((text) => ({ type: 'output_text', text })) };
    expect(await itemsOf(...word('One'), url('a'), done(more))).toMatchObject([
      { content: [{ annotations: [annotation('a', { index: 3 })] }, { text: 'Two', annotations: [] }] },
    ]);
  });

  test('text, a thought and text again are two messages with the workflow between, whatever their ids', async () => {
    const thought = part({ type: 'reasoning-delta', id: 'r', delta: 'Hm.' });
    for (const second of ['0', '1']) {
      const items = await itemsOf(
        ...word('A'),
        thought,
        part({ type: 'reasoning-end', id: 'r' }),
        ...word('B', second),
        done(message('A'), { type: 'reasoning', content: [] }, message('B')),
      );
      expect(items).toMatchObject([
        { type: 'assistant_message', content: [{ text: 'A' }] },
        { type: 'workflow', workflow: { tasks: [{ content: 'Hm.' }] } },
        { type: 'assistant_message', content: [{ text: 'B' }] },
      ]);
    }
  });

  test('texts with different ids are different messages; a thought without words between them is nothing', async () => {
    const thought = part({ type: 'reasoning-delta', id: 'r', delta: '' });
    for (const end of [[], [done(message('A'), message('B'))]])
      expect(await itemsOf(...word('A', '0'), ...word('B', '1'), ...end)).toMatchObject([
        { content: [{ text: 'A' }] },
        { content: [{ text: 'B' }] },
      ]);
    expect(await itemsOf(...word('A'), thought, ...word('B'), done(message('AB')))).toMatchObject([
      { content: [{ text: 'AB' }] },
    ]);
  });

  test('a message of a response that has a role and no type is one', async () => {
    const { type: _, ...untyped } = message('Hello');
    const others = [
      { ...untyped, role: 'user' },
      { ...message('Hm'), type: 'reasoning' },
      { ...untyped, content: [] },
    ];
    const items = await itemsOf(done(untyped, ...others));
    expect(items).toHaveLength(1);
    expect(items).toMatchObject([{ content: [{ text: 'Hello' }] }]);
  });

  test('a client tool call has the id of the call that the response lists under its name', async () => {
    const context = await createContext();
    const run = scriptedRun([
      done({ type: 'function_call', callId: 'call_1', name: 'pick' }),
      done({ type: 'function_call', name: 'pick' }, { type: 'function_call', callId: 'nameless' }),
      () => context.callClientTool({ name: 'pick', arguments: {} }),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(events).toMatchObject([{ item: { type: 'client_tool_call', id: 'tool_call_1', call_id: 'call_1' } }]);
  });

  test('text before a tool call is a message of its own', async () => {
    const call = { type: 'function_call', callId: 'c', name: 'f' };
    const items = await itemsOf(
      ...word('Let me look.'),
      part({ type: 'tool-call', toolCallId: 'c', toolName: 'f', input: '{}' }),
      ...word('Here.'),
      done(message('Let me look.'), call, message('Here.')),
    );
    expect(items).toMatchObject([{ content: [{ text: 'Let me look.' }] }, { content: [{ text: 'Here.' }] }]);
  });

  test.each([
    ['base64', 'QUJD', 'data:image/png;base64,QUJD'],
    ['bytes', new Uint8Array([65, 66, 67]), 'data:image/png;base64,QUJD'],
    ['base64 of version 4', { type: 'data', data: 'QUJD' }, 'data:image/png;base64,QUJD'],
    ['a link', { type: 'url', url: new URL('https://a.example/i.png') }, 'https://a.example/i.png'],
  ])('an image as %s is an item', async (_form, data, url) => {
    const file = part({ type: 'file', mediaType: 'image/png', data });
    expect(await itemsOf(file, ...word('Here.'), done(message('Here.')))).toMatchObject([
      { type: 'generated_image', image: { url } },
      { type: 'assistant_message' },
    ]);
  });
});

describe('tools', () => {
  test('their events come in their place, and end an open workflow', async () => {
    const context = await createContext();
    const run = scriptedRun([
      responses({ type: 'response.output_item.added', item: { id: 'rs', type: 'reasoning' } }),
      () => context.stream({ type: 'progress_update', text: 'Looking…' }),
      () =>
        context.stream({
          type: 'thread.item.done',
          item: {
            type: 'widget',
            id: 'w',
            thread_id: 'thr_1',
            created_at: '2026-01-01T00:00:00Z',
            widget: { type: 'Card', children: [] },
          },
        }),
      messageAdded,
      messageDone([]),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events)).toEqual([
      'added workflow workflow_1',
      'progress_update',
      'done workflow workflow_1',
      'done widget w',
      'added assistant_message msg_1',
      'done assistant_message msg_1',
    ]);
  });

  test('equal tasks keep their own index', async () => {
    const context = await createContext();
    const task = { type: 'custom', status_indicator: 'none', title: 'Same' } as const;
    expect([context.addWorkflowTask(task), context.addWorkflowTask(task)]).toEqual([0, 1]);
  });

  test('a summary of one’s own is kept when the workflow ends by itself', async () => {
    const context = await createContext();
    const run = scriptedRun([
      () => context.startWorkflow({ type: 'reasoning', tasks: [], summary: { title: 'Mine' }, expanded: false }),
      messageAdded,
      messageDone([]),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(events[1]).toMatchObject({ item: { workflow: { summary: { title: 'Mine' } } } });
    expect(context.workflow).toBeUndefined();
  });

  test('a workflow that a tool streams whole is done once, and the next task is in another', async () => {
    const context = await createContext();
    const about = { id: 'w', thread_id: 'thr_1', created_at: '2026-01-01T00:00:00Z' };
    const item: WorkflowItem = { type: 'workflow', ...about, workflow: { type: 'custom', tasks: [], expanded: false } };
    const run = scriptedRun([
      () => context.stream({ type: 'thread.item.added', item }),
      () => context.stream({ type: 'thread.item.done', item }),
      () => context.addWorkflowTask({ type: 'custom', status_indicator: 'none', title: 'Next' }),
      messageAdded,
      messageDone([]),
    ]);
    expect(outline(await collectAll(streamAgentResponse(context, run)))).toEqual([
      'added workflow w',
      'done workflow w',
      'added workflow workflow_1',
      'done workflow workflow_1',
      'added assistant_message msg_1',
      'done assistant_message msg_1',
    ]);
  });

  const call = (callId: string, id: string, name: string) =>
    responses({ type: 'response.output_item.done', item: { type: 'function_call', id, call_id: callId, name } });

  test('a client tool call has the ids of its own call, whatever else the model called', async () => {
    const context = await createContext();
    const run = scriptedRun([
      call('call_1', 'fc_1', 'pick_file'),
      call('call_2', 'fc_2', 'server_tool'),
      () => context.callClientTool({ name: 'pick_file', arguments: { kind: null }, callId: 'call_1' }),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(events).toEqual([
      {
        type: 'thread.item.done',
        item: {
          type: 'client_tool_call',
          id: 'fc_1',
          thread_id: 'thr_1',
          created_at: '2026-01-01T00:00:00.000Z',
          status: 'pending',
          call_id: 'call_1',
          name: 'pick_file',
          arguments: { kind: null },
        },
      },
    ]);
  });

  test('two calls of one tool are told apart without their ids, too', async () => {
    const context = await createContext();
    const run = scriptedRun([
      call('call_1', 'fc_1', 'pick'),
      call('call_2', 'fc_2', 'pick'),
      () => context.callClientTool({ name: 'pick', arguments: {} }),
      () => context.callClientTool({ name: 'pick', arguments: {} }),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    const ids = events.flatMap((event) => (event.type === 'thread.item.done' ? [event.item.id] : []));
    expect(new Set(ids)).toEqual(new Set(['fc_1', 'fc_2']));
  });

  test('two calls of one tool have each its own id, and one that the model has not made has none of theirs', async () => {
    const context = await createContext();
    const pick = (callId: string, name = 'pick') => context.callClientTool({ name, arguments: {}, callId });
    const run = scriptedRun([
      call('call_1', 'fc_1', 'pick'),
      call('call_2', 'fc_2', 'pick'),
      () => {
        pick('call_0', 'other');
        pick('call_1');
        pick('call_2');
      },
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events)).toEqual([
      'done client_tool_call tool_call_1',
      'done client_tool_call fc_1',
      'done client_tool_call fc_2',
    ]);
  });

  test('a workflow stays open across a client tool call, and goes on in the next turn', async () => {
    const first = await createContext();
    const asking = scriptedRun([
      () => first.addWorkflowTask({ type: 'custom', status_indicator: 'none', title: 'one' }),
      () => first.callClientTool({ name: 'pick', arguments: {} }),
    ]);
    const events = await collectAll(streamAgentResponse(first, asking));
    expect(outline(events)).toEqual([
      'added workflow workflow_1',
      'done workflow workflow_1',
      'done client_tool_call tool_call_1',
    ]);
    const items = events.flatMap((event) => (event.type === 'thread.item.done' ? [event.item] : []));
    expect(items[0]).not.toHaveProperty('workflow.summary');

    const second = await createContext({ items });
    const goingOn = scriptedRun([
      responses({ type: 'response.created' }),
      () => second.addWorkflowTask({ type: 'custom', status_indicator: 'none', title: 'two' }),
      messageAdded,
      messageDone([]),
    ]);
    const more = await collectAll(streamAgentResponse(second, goingOn));
    expect(outline(more).slice(0, 2)).toEqual(['added workflow workflow_1', 'done workflow workflow_1']);
    expect(more[1]).toMatchObject({ item: { workflow: { tasks: [{ title: 'one' }, { title: 'two' }] } } });
  });
});

describe('a workflow that is open at the end of a run', () => {
  const task = { type: 'custom', status_indicator: 'none', title: 'one' } as const;
  const workflow = (id: string): WorkflowItem => ({
    type: 'workflow',
    id,
    thread_id: 'thr_1',
    created_at: '2026-01-01T00:00:00Z',
    workflow: { type: 'custom', expanded: false, tasks: [{ ...task, title: 'earlier' }] },
  });

  test.each([
    ['ends with it', {}, true],
    ['stays open for the answer of a person', { interruptions: [{ name: 'mail' }] }, false],
  ])('%s', async (_name, result, isEnded) => {
    const context = await createContext();
    const run = scriptedRun([() => context.addWorkflowTask(task)], result);
    const events = await collectAll(streamAgentResponse(context, run));
    const done = events.find((event) => event.type === 'thread.item.done' && event.item.type === 'workflow');
    expect(done).toBeDefined();
    expect(done).toMatchObject({ item: { workflow: isEnded ? { summary: { duration: 0 } } : {} } });
    if (!isEnded) expect(done).not.toHaveProperty('item.workflow.summary');
  });

  test('is shown from its first task on, or at once if it has tasks', async () => {
    const shownOf = async (workflow: WorkflowItem['workflow']) => {
      const context = await createContext();
      const mark = () => context.stream({ type: 'progress_update', text: 'now' });
      const run = scriptedRun([() => context.startWorkflow(workflow), mark, () => context.addWorkflowTask(task)]);
      return outline(await collectAll(streamAgentResponse(context, run)));
    };
    const empty = { type: 'custom', expanded: false, tasks: [] } as const;
    const [added, done] = ['added workflow workflow_1', 'done workflow workflow_1'];
    expect(await shownOf({ ...empty, tasks: [] })).toEqual(['progress_update', added, done]);
    expect(await shownOf({ ...empty, tasks: [task] })).toEqual([
      added,
      'progress_update',
      'workflow.task.added workflow_1',
      done,
    ]);
  });

  test.each([-1, 1, Number.NaN])('has no task %s to be replaced', async (index) => {
    const context = await createContext();
    expect(() => context.updateWorkflowTask(task, 0)).toThrow('no task 0');
    context.addWorkflowTask(task);
    expect(() => context.updateWorkflowTask(task, index)).toThrow(`no task ${index}`);
    expect(context.workflow?.workflow.tasks).toEqual([task]);
  });

  test('is the one that a tool has streamed, and ends at what stands below it, not at what is hidden', async () => {
    const context = await createContext();
    const hidden = { ...widget, type: 'hidden_context_item', id: 'h', content: '' } as ThreadItem;
    const run = scriptedRun([
      () => context.stream({ type: 'thread.item.added', item: workflow('streamed') }),
      () => context.stream(itemDone(hidden)),
      () => context.addWorkflowTask(task),
      () => context.stream(itemDone(widget)),
      () => context.addWorkflowTask(task),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events)).toEqual([
      'added workflow streamed',
      'done hidden_context_item h',
      'workflow.task.added streamed',
      'done workflow streamed',
      'done widget w',
      'added workflow workflow_1',
      'done workflow workflow_1',
    ]);
  });

  test('goes on in the next turn where it is the last item, as behind an answer', async () => {
    const context = await createContext({ items: [workflow('before'), workflow('last')] });
    const run = scriptedRun([() => context.addWorkflowTask(task), messageAdded]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events).slice(0, 2)).toEqual(['added workflow last', 'done workflow last']);
  });

  test('of an earlier turn leaves one alone that a tool has opened before the run is read', async () => {
    const context = await createContext({ items: [workflow('last')] });
    context.addWorkflowTask(task);
    const events = await collectAll(streamAgentResponse(context, scriptedRun([messageAdded])));
    expect(outline(events).slice(0, 2)).toEqual(['added workflow workflow_1', 'done workflow workflow_1']);
  });
});

test('a model of each kind is heard in one run, whichever comes first', async () => {
  const one = [
    ...created,
    messageAdded,
    partAdded,
    ...delta('One.'),
    messageDone([{ type: 'output_text', text: 'One.' }]),
  ];
  const other = [
    raw({ type: 'response_started' }),
    raw({ type: 'output_text_delta', delta: 'Two.' }),
    raw({ type: 'response_done', response: { output: [] } }),
  ];
  for (const [events, text] of [
    [[...one, ...other], 'One.Two.'],
    [[...other, ...one], 'Two.One.'],
  ] as const)
    expect(textOf(await collectAll(streamAgentResponse(await createContext(), scriptedRun(events))))).toBe(text);
});

test('a store that cannot be asked for an id fails the run', async () => {
  const context = await createContext();
  const failure = new Error('no connection');
  context.store.loadItem = () => Promise.reject(failure);
  await expect(collectAll(streamAgentResponse(context, scriptedRun([messageAdded])))).rejects.toBe(failure);
});

describe('the bound of the queue', () => {
  const line = (text: string) => ({ type: 'progress_update', text }) as const;

  test('a tool may say more than a slow reader has taken: everything arrives, in order', async () => {
    const context = await createContext();
    const lines = Array.from({ length: 50 }, (_, index) => line(String(index)));
    const run = scriptedRun([
      ...created,
      messageAdded,
      partAdded,
      ...Array.from({ length: 10 }, () => delta('x')).flat(),
      () => {
        for (const each of lines) context.stream(each);
      },
      messageDone([]),
    ]);
    const events: ThreadStreamEvent[] = [];
    for await (const event of streamAgentResponse(context, run, { capacity: 4 })) {
      events.push(event);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(events.filter((event) => event.type === 'progress_update')).toEqual(lines);
    expect(events.at(-1)).toMatchObject({ type: 'thread.item.done' });
  });

  test('a run, and a widget that streams, wait for a reader that is far behind', async () => {
    const context = await createContext();
    let states = 0;
    let events = 0;
    const run: AgentRun = {
      async *[Symbol.asyncIterator]() {
        await context.streamWidget(
          (async function* () {
            for (; states < 100; states += 1) {
              const value = 'x'.repeat(states + 1);
              yield { type: 'Card', children: [{ type: 'Text', id: 't', value }] };
            }
          })(),
        );
        yield* created;
        for (; events < 100; events += 1) yield* delta('x');
      },
    };
    const reading = streamAgentResponse(context, run, { capacity: 8 })[Symbol.asyncIterator]();
    await reading.next();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(states).toBeLessThan(16);
    for (let taken = 0; taken < 110; taken += 1) await reading.next();
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(states).toBe(100);
    expect(events).toBeLessThan(32);
    await reading.return?.(undefined);
  });

  test('opens again when half of it has been taken: a wait for each event would be a promise for each', async () => {
    const queue = createEventQueue(4);
    for (let count = 0; count < 4; count += 1) queue.push(line('x'));
    let isOpen = false;
    queue.ready()?.then(() => {
      isOpen = true;
    });
    const seen: boolean[] = [];
    for (let taken = 0; taken < 2; taken += 1) {
      queue.took();
      await Promise.resolve();
      seen.push(isOpen);
    }
    expect(seen).toEqual([false, true]);
  });

  test('does not hold a run whose reader has left while a hook was at work', async () => {
    let draw = (_url: string) => {};
    class Slow extends ResponseStreamConverter {
      override base64ImageToUrl(): Promise<string> {
        return new Promise((resolve) => {
          draw = resolve;
        });
      }
    }
    const image = { type: 'image_generation_call', id: 'i', result: 'AA' };
    const run = scriptedRun([responses({ type: 'response.output_item.done', item: image }), ...created]);
    const options = { capacity: 1, converter: new Slow() };
    const context = await createContext();
    const reading = streamAgentResponse(context, run, options);
    expect(await reading.next()).toMatchObject({ value: { type: 'thread.item.added' } });
    context.stream(line('more than there is room for'));
    const left = reading.return();
    await new Promise((resolve) => setImmediate(resolve));
    draw('https://images.example/i');
    expect(await left).toEqual({ done: true, value: undefined });
  });
});

test('law: events of tools stand where they were said, whatever waits for what', async () => {
  const step = fc.oneof(fc.constant('model' as const), fc.constant('tool' as const));
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 40 }),
      fc.infiniteStream(fc.nat({ max: 3 })),
      fc.integer({ min: 1, max: 64 }),
      async (steps, pauses, capacity) => {
        const context = await createContext();
        const pause = async () => {
          const turns = pauses.next().value ?? 0;
          if (turns === 3) await new Promise((resolve) => setImmediate(resolve));
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
        };
        const run: AgentRun = {
          async *[Symbol.asyncIterator]() {
            yield* [...created, messageAdded, partAdded];
            for (const [index, kind] of steps.entries()) {
              await pause();
              if (kind === 'tool') context.stream({ type: 'progress_update', text: String(index) });
              else yield* delta(String(index));
            }
          },
        };
        const said: string[] = [];
        for await (const event of streamAgentResponse(context, run, { capacity })) {
          await pause();
          if (event.type === 'progress_update') said.push(event.text);
          else
            said.push(
              ...textOf([event])
                .split(/(?=\D)/)
                .filter(Boolean),
            );
        }
        expect(said).toEqual(steps.map((_, index) => String(index)));
      },
    ),
    { numRuns: 100 },
  );
});

test('an id that an earlier turn used is not used again: the earlier message would be overwritten', async () => {
  const turn = () =>
    scriptedRun([...created, messageAdded, messageDone([{ type: 'output_text', text: 'Hi', annotations: [] }])]);
  const first = await collectAll(streamAgentResponse(await createContext(), turn()));
  const items = first.flatMap((event) => (event.type === 'thread.item.done' ? [event.item] : []));
  expect(items.map(({ id }) => id)).toEqual(['msg_1']);
  const second = await collectAll(streamAgentResponse(await createContext({ items }), turn()));
  expect(outline(second)).toEqual(['added assistant_message message_1', 'done assistant_message message_1']);

  const call = responses({
    type: 'response.output_item.done',
    item: { type: 'function_call', id: 'msg_1', call_id: 'call_1', name: 'pick' },
  });
  const context = await createContext({ items });
  const asking = scriptedRun([call, () => context.callClientTool({ name: 'pick', arguments: {}, callId: 'call_1' })]);
  const asked = await collectAll(streamAgentResponse(context, asking));
  expect(asked).toMatchObject([{ item: { type: 'client_tool_call', id: 'tool_call_1', call_id: 'call_1' } }]);
});

const holding = (error: Error): Error => Object.assign(new Error('failed'), { error });
const toolError = (error: Error): Error => Object.assign(new (class ToolCallError extends Error {})(), { error });

describe('endings', () => {
  const failing = (error: Error): AgentRunEvent[] & { [Symbol.asyncIterator]?: never } =>
    [
      ...created,
      messageAdded,
      partAdded,
      ...Array.from({ length: 8 }, (_, index) => delta(String(index))).flat(),
      (() => {
        throw error;
      }) as never,
    ] as never;

  test('a model that fails after eight deltas: a slow reader gets all eight, then the error', async () => {
    const boom = new Error('model failed');
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(await createContext(), scriptedRun(failing(boom)))) {
        events.push(event);
        for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      }
    })();
    await expect(reading).rejects.toBe(boom);
    expect(textOf(events)).toBe('01234567');
  });

  test.each(['Input', 'Output', 'ToolInput', 'ToolOutput'])(
    'a tripped %s guardrail takes back what was shown',
    async (kind) => {
      const name = `${kind}GuardrailTripwireTriggered`;
      const Tripwire = { [name]: class extends Error {} }[name] as new () => Error;
      const tripped = new Tripwire();
      const events: ThreadStreamEvent[] = [];
      const reading = (async () => {
        for await (const event of streamAgentResponse(await createContext(), scriptedRun(failing(tripped)))) {
          events.push(event);
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await expect(reading).rejects.toBe(tripped);
      expect(events.at(-1)).toEqual({ type: 'thread.item.removed', item_id: 'msg_1' });
      // What the reader had not taken yet is not shown any more.
      expect(textOf(events)).not.toBe('01234567');
    },
  );

  test.each([
    ['a tripped guardrail', new (class OutputGuardrailTripwireTriggered extends Error {})(), true],
    ['one of a tool', toolError(new (class ToolInputGuardrailTripwireTriggered extends Error {})()), true],
    ['any other error', new Error('model failed'), false],
    ['any other error of a tool', toolError(new Error('tool failed')), false],
    [
      'an error that only holds a guardrail’s',
      holding(new (class OutputGuardrailTripwireTriggered extends Error {})()),
      false,
    ],
  ])('%s takes back what came whole as well, or nothing', async (_name, error, isTakenBack) => {
    const context = await createContext();
    const run = scriptedRun([
      () => context.stream(itemDone(widget)),
      messageAdded,
      () => {
        throw error;
      },
    ]);
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(context, run)) events.push(event);
    })();
    await expect(reading).rejects.toBe(error);
    const shown = outline(events).filter((line) => !line.startsWith('removed'));
    const removed = outline(events).filter((line) => line.startsWith('removed'));
    expect(shown).toContain('done widget w');
    expect(removed).toEqual(isTakenBack ? shown.map((line) => `removed ${line.split(' ').at(-1)}`) : []);
  });

  class OutputGuardrailTripwireTriggered extends Error {}
  const half = [messageAdded, partAdded, ...delta('Half')];

  test.each([
    ['a tripped guardrail', new OutputGuardrailTripwireTriggered(), 'open', []],
    ['a tripped guardrail', new OutputGuardrailTripwireTriggered(), 'closed by a message', half],
    ['any other error', new Error('model failed'), 'open', []],
  ])('%s takes back what was added to the workflow of an earlier turn (%s)', async (_, error, _state, message) => {
    const created_at = '2026-01-01T00:00:00Z';
    const earlier: WorkflowItem = {
      type: 'workflow',
      id: 'workflow_earlier',
      thread_id: 'thr_1',
      created_at,
      workflow: {
        type: 'reasoning',
        expanded: false,
        tasks: [{ type: 'thought', status_indicator: 'none', content: 'Earlier' }],
      },
    };
    const items: ThreadItem[] = [
      earlier,
      {
        type: 'client_tool_call',
        id: 'call_1',
        thread_id: 'thr_1',
        created_at,
        status: 'completed',
        call_id: 'c1',
        name: 't',
        arguments: {},
        output: 1,
      },
    ];
    const run = scriptedRun([
      ...created,
      responses({ type: 'response.output_item.added', item: { type: 'reasoning', id: 'rs_1' } }),
      responses({ type: 'response.reasoning_summary_text.done', summary_index: 0, text: 'Later' }),
      ...message,
      () => {
        throw error;
      },
    ]);
    const before = items.reduce((state, item) => reduceThread(state, itemDone(item)), emptyThreadState);
    let state = before;
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(await createContext({ items }), run)) {
        state = reduceThread(state, event);
        events.push(event);
      }
    })();
    await expect(reading).rejects.toBe(error);
    const lines = outline(events);
    expect(lines).toContain('added workflow workflow_earlier');
    expect(lines.includes('done workflow workflow_earlier')).toBe(message.length > 0);
    expect(lines).not.toContain('removed workflow_earlier');
    expect(selectItems(state)).toEqual(items);
  });

  test.each([undefined, null, 'gone', { constructor: undefined }])(
    'whatever is thrown (%o) arrives',
    async (thrown) => {
      const run = scriptedRun([
        () => {
          throw thrown;
        },
      ]);
      const reading = collectAll(streamAgentResponse(await createContext(), run));
      expect(await reading.catch((error: unknown) => ({ error }))).toEqual({ error: thrown });
    },
  );

  test.each([new CustomStreamError('Not today.'), new StreamError('stream.error', { allowRetry: false })])(
    'what a tool throws for the user (%s) arrives as it was thrown',
    async (error) => {
      const run = scriptedRun([
        () => {
          throw toolError(error);
        },
      ]);
      await expect(collectAll(streamAgentResponse(await createContext(), run))).rejects.toBe(error);
    },
  );

  test('any other error leaves the workflow of an earlier turn as it was closed', async () => {
    const earlier: WorkflowItem = {
      type: 'workflow',
      id: 'earlier',
      thread_id: 'thr_1',
      created_at: '2026-01-01T00:00:00Z',
      workflow: { type: 'reasoning', expanded: false, tasks: [{ type: 'thought', content: 'Before' } as never] },
    };
    const failure = new Error('model failed');
    const run = scriptedRun([
      responses({ type: 'response.reasoning_summary_text.done', summary_index: 0, text: 'Later' }),
      ...half,
      () => {
        throw failure;
      },
    ]);
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(await createContext({ items: [earlier] }), run)) events.push(event);
    })();
    await expect(reading).rejects.toBe(failure);
    expect(outline(events).filter((line) => line.includes('earlier'))).toEqual([
      'added workflow earlier',
      'done workflow earlier',
    ]);
  });

  test('a cancelled run is not a completed one: nothing is closed, no tool is called', async () => {
    const context = await createContext();
    const run = scriptedRun(
      [
        ...created,
        messageAdded,
        partAdded,
        ...delta('Half'),
        () => context.callClientTool({ name: 'x', arguments: {} }),
      ],
      { cancelled: true },
    );
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events).filter((line) => line.startsWith('done'))).toEqual([]);
  });

  test('stopping the reader closes the run', async () => {
    let closed = 0;
    const run = {
      async *[Symbol.asyncIterator](): AsyncGenerator<AgentRunEvent> {
        try {
          yield* created;
          yield messageAdded;
          for (;;) yield* delta('more ');
        } finally {
          closed += 1;
        }
      },
    };
    for await (const event of streamAgentResponse(await createContext(), run, { capacity: 16 })) {
      if (event.type === 'thread.item.updated') break;
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(1);
  });

  test('a context that was part of a run can be part of the next', async () => {
    const context = await createContext();
    await collectAll(streamAgentResponse(context, scriptedRun([messageAdded, messageDone([])])));
    const events = await collectAll(streamAgentResponse(context, scriptedRun([messageAdded, messageDone([])])));
    expect(events).toHaveLength(2);
  });
});

test('law: text cut anywhere gives the same thread, in a legal order, on both paths', async () => {
  const pieces = fc.array(fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }), {
    minLength: 1,
    maxLength: 20,
  });
  await fc.assert(
    fc.asyncProperty(pieces, fc.boolean(), async (texts, viaResponses) => {
      const whole = texts.join('');
      const run = viaResponses
        ? scriptedRun([
            ...created,
            messageAdded,
            partAdded,
            ...texts.flatMap(delta),
            messageDone([{ type: 'output_text', text: whole, annotations: [] }]),
          ])
        : scriptedRun([
            raw({ type: 'response_started' }),
            ...texts.map((text) => raw({ type: 'output_text_delta', delta: text })),
            raw({ type: 'response_done', response: { output: [] } }),
          ]);
      const checker = createOrderChecker();
      let state = emptyThreadState;
      for (const event of await collectAll(streamAgentResponse(await createContext(), run))) {
        expect(checker.check(event)).toBeUndefined();
        state = reduceThread(state, event);
      }
      expect(selectItems(state)).toMatchObject([{ type: 'assistant_message', content: [{ text: whole }] }]);
    }),
    { numRuns: 100 },
  );
});
