/** Servers that speak the Responses API badly: events out of order, ids used twice, parts that begin with text. */
import { emptyThreadState, reduceThread, selectItems, selectOpenItems, type ThreadStreamEvent } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { streamAgentResponse } from '../src/index.ts';
import { collectAll, createContext, outline, responses, scriptedRun } from './scripted-run.ts';

const bridge = async (events: readonly object[]): Promise<ThreadStreamEvent[]> => {
  const context = await createContext();
  return collectAll(streamAgentResponse(context, scriptedRun(events.map(responses))));
};

const complaints = (events: readonly ThreadStreamEvent[]) => {
  const checker = createOrderChecker();
  return events.map((event) => checker.check(event)).filter((each) => each !== undefined);
};

const messagesOf = (events: readonly ThreadStreamEvent[]) =>
  selectItems(events.reduce(reduceThread, emptyThreadState)).flatMap((item) =>
    item.type === 'assistant_message' ? [item.content.map((part) => part.text)] : [],
  );

const added = (id: string) => ({ type: 'response.output_item.added', item: { type: 'message', id, content: [] } });
const part = (item_id: string, content_index: number, text = '') => ({
  type: 'response.content_part.added',
  item_id,
  content_index,
  part: { type: 'output_text', text, annotations: [] },
});
const delta = (item_id: string, content_index: number, text: string) => ({
  type: 'response.output_text.delta',
  item_id,
  content_index,
  delta: text,
});
const textDone = (item_id: string, content_index: number, text: string) => ({
  type: 'response.output_text.done',
  item_id,
  content_index,
  text,
});
const cited = (item_id: string, content_index: number) => ({
  type: 'response.output_text.annotation.added',
  item_id,
  content_index,
  annotation: { type: 'url_citation', url: 'https://a.example/', title: 'A' },
});
const done = (id: string, ...texts: string[]) => ({
  type: 'response.output_item.done',
  item: { type: 'message', id, content: texts.map((text) => ({ type: 'output_text', text, annotations: [] })) },
});

const widget = {
  type: 'widget',
  id: 'w',
  thread_id: 'thr_1',
  created_at: '2026-01-01T00:00:00Z',
  widget: { type: 'Card', children: [] },
} as const;

const completed = (...output: { item: object }[]) => ({
  type: 'response.completed',
  response: { output: output.map(({ item }) => item) },
});

describe('a server of the Responses API that is not quite one', () => {
  test('text that a part begins with is shown at once', async () => {
    const events = await bridge([added('m'), part('m', 0, 'Hel'), delta('m', 0, 'lo')]);
    expect(messagesOf(events)).toEqual([['Hello']]);
  });

  test('what comes late for a message that is done makes no second message', async () => {
    const events = await bridge([
      added('m'),
      part('m', 0),
      delta('m', 0, 'Hello'),
      done('m', 'Hello'),
      textDone('m', 0, 'Hello'),
      delta('m', 0, '!'),
      done('m', 'Hello'),
    ]);
    expect(complaints(events)).toEqual([]);
    expect(messagesOf(events)).toEqual([['Hello']]);
  });

  test('the next response may use the same id', async () => {
    const turn = (text: string) => [delta('m', 0, text), done('m', text), completed()];
    const events = await bridge([...turn('one'), ...turn('two')]);
    expect(complaints(events)).toEqual([]);
    expect(messagesOf(events)).toEqual([['one'], ['two']]);
  });

  test('a message that is not said to be done ends with its response; one that was not streamed comes whole', async () => {
    const open = await bridge([added('m'), part('m', 0), delta('m', 0, 'Hel'), completed(done('m', 'Hello'))]);
    expect(open.at(-1)).toMatchObject({ type: 'thread.item.done', item: { content: [{ text: 'Hello' }] } });
    const whole = await bridge([completed(done('m', 'Hello'))]);
    expect(messagesOf(whole)).toEqual([['Hello']]);
    const other = await bridge([
      added('m'),
      delta('m', 0, 'Hello'),
      done('m', 'Hello'),
      completed(done('other', 'Hello')),
    ]);
    expect(messagesOf(other)).toEqual([['Hello']]);
  });

  test('a message that is open stands for one that its response lists under another id', async () => {
    const events = await bridge([added('m'), delta('m', 0, 'Hello'), completed(done('other', 'Hello'))]);
    expect(messagesOf(events)).toEqual([['Hello']]);
  });

  test('a part is done once, with what it was first done with', async () => {
    const events = await bridge([delta('m', 0, 'Hel'), textDone('m', 0, 'Hello'), textDone('m', 0, 'Bye')]);
    expect(outline(events).filter((line) => line.includes('content_part.done'))).toHaveLength(1);
    expect(messagesOf(events)).toEqual([['Hello']]);
  });

  test('a part far beyond the last one is not as many parts', async () => {
    const events = await bridge([added('m'), delta('m', 1_000_000_000, 'x'), done('m', 'x')]);
    expect(complaints(events)).toEqual([]);
    expect(messagesOf(events)).toEqual([['x']]);
  });

  test('a thought that a widget of a tool cuts in two goes on, and is whole', async () => {
    const context = await createContext();
    const thinking = (delta: string) => ({ type: 'response.reasoning_summary_text.delta', summary_index: 0, delta });
    const run = scriptedRun([
      responses({ type: 'response.output_item.added', item: { type: 'reasoning', id: 'r' } }),
      responses(thinking('One, ')),
      () => context.stream({ type: 'thread.item.done', item: widget }),
      responses(thinking('two.')),
      responses({ type: 'response.reasoning_summary_text.done', summary_index: 0, text: 'One, two.' }),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(complaints(events)).toEqual([]);
    const items = selectItems(events.reduce(reduceThread, emptyThreadState));
    expect(items).toMatchObject([
      { type: 'workflow', workflow: { tasks: [{ content: 'One, ' }] } },
      { type: 'widget' },
      { type: 'workflow', workflow: { tasks: [{ content: 'One, two.' }] } },
    ]);
  });

  const thought = (kind: 'delta' | 'done', rest: object) => ({
    type: `response.reasoning_summary_text.${kind}`,
    summary_index: 0,
    ...rest,
  });

  test('a thought that nothing has announced is shown as it grows, or whole', async () => {
    const grown = await bridge([thought('delta', { delta: 'Hm' }), thought('delta', { delta: '.' })]);
    expect(outline(grown).slice(0, 3)).toEqual([
      'added workflow workflow_1',
      'workflow.task.added workflow_1',
      'workflow.task.updated workflow_1',
    ]);
    const whole = await bridge([thought('done', { text: 'Hm.' })]);
    expect(whole[0]).toMatchObject({ item: { workflow: { type: 'reasoning', tasks: [] } } });
    expect(whole[1]).toMatchObject({ update: { task: { type: 'thought', content: 'Hm.' } } });
  });

  test.each([[{ text: '' }], [{}]])('a thought without text (%o) is no task', async (rest) => {
    const events = await bridge([thought('done', rest)]);
    expect(outline(events)).toEqual(['added workflow workflow_1', 'done workflow workflow_1']);
  });

  test('a thought comes whole in a workflow that a tool has opened', async () => {
    const context = await createContext();
    const run = scriptedRun([
      () => context.startWorkflow({ type: 'custom', tasks: [], expanded: false }),
      responses(thought('delta', { delta: 'H' })),
      responses(thought('delta', { delta: 'm' })),
      responses(thought('done', { text: 'Hm.' })),
    ]);
    const events = await collectAll(streamAgentResponse(context, run));
    expect(outline(events)).toEqual(['added workflow workflow_1', 'done workflow workflow_1']);
    expect(events[0]).toMatchObject({ item: { workflow: { type: 'custom', tasks: [{ content: 'Hm.' }] } } });
  });

  const image = (when: 'added' | 'done', rest: object = {}) => ({
    type: `response.output_item.${when}`,
    item: { type: 'image_generation_call', id: 'i', ...rest },
  });
  const partial = {
    type: 'response.image_generation_call.partial_image',
    item_id: 'i',
    partial_image_b64: 'AA',
    partial_image_index: 0,
  };

  test('what lacks the field that it is about is nothing', async () => {
    const events = await bridge([
      { ...cited('m', 0), annotation: {} },
      { ...partial, partial_image_b64: undefined },
      image('done'),
      {
        type: 'response.content_part.added',
        item_id: 'm',
        content_index: 0,
        part: { type: 'reasoning_text', text: 'Hm' },
      },
    ]);
    expect(events).toEqual([]);
    const whole = await bridge([
      completed({
        item: { type: 'message', id: 'm', content: [{ type: 'audio' }, { type: 'output_text', text: 'Hi' }] },
      }),
    ]);
    expect(messagesOf(whole)).toEqual([['Hi']]);
    const unread = { ...done('m', 'Hi').item, content: [{ type: 'output_text', text: 'Hi', annotations: [{}, 7] }] };
    expect(await bridge([completed({ item: unread })])).toMatchObject([
      {},
      { item: { content: [{ annotations: [] }] } },
    ]);
  });

  test('a call without its id or its name gives neither to a tool of the page', async () => {
    const call = (rest: object) =>
      responses({ type: 'response.output_item.done', item: { type: 'function_call', id: 'fc', ...rest } });
    for (const rest of [{ name: 'pick' }, { call_id: 'call_1' }]) {
      const context = await createContext();
      const pick = () => context.callClientTool({ name: 'pick', arguments: {} });
      expect(await collectAll(streamAgentResponse(context, scriptedRun([call(rest), pick])))).toMatchObject([
        { item: { id: 'tool_call_1', call_id: 'tool_call_2' } },
      ]);
    }
  });

  test.each(['', 'FAKE_ID', '__fake_id__'])('an id that stands for none (%o) is none', async (id) => {
    const events = await bridge([added(id), delta(id, 0, 'Hi'), done(id, 'Hi')]);
    expect(outline(events)[0]).toBe('added assistant_message message_1');
  });

  test('an image is there from its announcement, and what comes late for it makes no second one', async () => {
    const drawn = [image('added'), partial, image('done', { result: 'BB' })];
    const events = await bridge([...drawn, partial, image('done', { result: 'CC' })]);
    expect(outline(events)).toEqual([
      'added generated_image message_1',
      'generated_image.updated message_1',
      'done generated_image message_1',
    ]);
    expect(outline(await bridge([image('added')]))).toEqual(['added generated_image message_1']);
  });

  test('another image may use the id of one that is done', async () => {
    const drawn = [image('added'), image('done', { result: 'BB' })];
    expect(outline(await bridge([...drawn, ...drawn]))).toEqual([
      'added generated_image message_1',
      'done generated_image message_1',
      'added generated_image message_2',
      'done generated_image message_2',
    ]);
  });

  test('no order of events breaks the order of ours, and nothing is left open behind the last response', async () => {
    const id = fc.constantFrom('m', 'm', 'm', 'n', '');
    const index = fc.nat(2);
    const text = fc.constantFrom('', 'a', '\ud83d', '\ude00', 'word ');
    const event = fc.oneof(
      id.map(added),
      fc.tuple(id, index, text).map((each) => part(...each)),
      fc.tuple(id, index, text).map((each) => delta(...each)),
      fc.tuple(id, index, text).map((each) => textDone(...each)),
      fc.tuple(id, index).map((each) => cited(...each)),
      fc.tuple(id, text).map((each) => done(...each)),
      fc.constant(completed()),
      text.map((each) => completed(done('m', each))),
      fc.constant({ type: 'response.output_item.added', item: { type: 'reasoning', id: 'r' } }),
      fc
        .tuple(index, text)
        .map(([summary_index, delta]) => ({ type: 'response.reasoning_summary_text.delta', summary_index, delta })),
      fc
        .tuple(index, text)
        .map(([summary_index, text]) => ({ type: 'response.reasoning_summary_text.done', summary_index, text })),
      fc.constant({ type: 'response.output_item.added', item: { type: 'image_generation_call', id: 'i' } }),
      fc.constant({
        type: 'response.image_generation_call.partial_image',
        item_id: 'i',
        partial_image_b64: 'AA',
        partial_image_index: 0,
      }),
      fc.constant({
        type: 'response.output_item.done',
        item: { type: 'image_generation_call', id: 'i', result: 'AA' },
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 30 }), async (sent) => {
        const events = await bridge([...sent, completed()]);
        expect(complaints(events)).toEqual([]);
        const open = selectOpenItems(events.reduce(reduceThread, emptyThreadState));
        expect(open.filter(({ type }) => type === 'assistant_message')).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });
});
