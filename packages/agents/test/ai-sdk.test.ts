import type { ThreadItem, ThreadStreamEvent } from '@chatkit/core';
import { emptyThreadState, reduceThread, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { toReadableStream } from '@chatkit/stream';
import { isStepCount, streamText, tool } from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { streamAiResponse, toModelMessages } from '../src/ai-sdk/index.ts';
import { aiFinish, aiText, scriptedAiModel } from './scripted-ai.ts';
import { collectAll, countingIds, outline, thread } from './scripted-run.ts';

const text = (...deltas: string[]) => aiText(deltas);

const options = () => ({ createId: countingIds(), now: () => 0 });
const legal = (events: readonly ThreadStreamEvent[]): void => {
  const checker = createOrderChecker();
  expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
};
const itemsOf = (events: readonly ThreadStreamEvent[]) => selectItems(events.reduce(reduceThread, emptyThreadState));

const search = tool({
  description: 'Search',
  inputSchema: z.object({ q: z.string() }),
  execute: async () => 'three hits',
});
const steps = [
  [
    { type: 'reasoning-start', id: 'r' },
    { type: 'reasoning-delta', id: 'r', delta: 'Search ' },
    { type: 'reasoning-delta', id: 'r', delta: 'first.' },
    { type: 'reasoning-end', id: 'r' },
    { type: 'tool-call', toolCallId: 'call_1', toolName: 'search', input: '{"q":"x"}' },
    aiFinish('tool-calls'),
  ],
  [
    { type: 'source', sourceType: 'url', id: 's', url: 'https://a.example/', title: 'A' },
    ...text('Found ', 'it.'),
    aiFinish('stop'),
  ],
];

describe.each(['fullStream', 'UI message stream'])('%s', (form) => {
  const events = (model: ReturnType<typeof scriptedAiModel>) => {
    const result = streamText({
      model,
      prompt: 'Hi',
      tools: { search },
      stopWhen: isStepCount(3),
      onError: () => {},
    });
    const source = form === 'fullStream' ? result.fullStream : result.toUIMessageStream({ sendSources: true });
    return streamAiResponse(thread, source as AsyncIterable<object>, options());
  };

  test('text is a message, delta by delta', async () => {
    const all = await collectAll(events(scriptedAiModel([[...text('Hel', 'lo'), aiFinish('stop')]])));
    legal(all);
    expect(outline(all)).toEqual([
      'added assistant_message message_1',
      'assistant_message.content_part.added message_1',
      'assistant_message.content_part.text_delta message_1',
      'assistant_message.content_part.text_delta message_1',
      'done assistant_message message_1',
    ]);
  });

  test('reasoning and tools share a workflow above the answer; a source becomes its annotation', async () => {
    const all = await collectAll(events(scriptedAiModel(steps)));
    legal(all);
    expect(itemsOf(all)).toMatchObject([
      {
        type: 'workflow',
        workflow: {
          tasks: [
            { type: 'thought', content: 'Search first.' },
            { type: 'custom', title: 'search', status_indicator: 'complete' },
          ],
          summary: { duration: 0 },
        },
      },
      {
        type: 'assistant_message',
        content: [{ text: 'Found it.', annotations: [{ source: { type: 'url', url: 'https://a.example/' } }] }],
      },
    ]);
  });

  test('an error is thrown after the text before it', async () => {
    const model = scriptedAiModel([[...text('Half'), { type: 'error', error: new Error('overloaded') }]]);
    const seen: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of events(model)) seen.push(event);
    })();
    await expect(reading).rejects.toThrow();
    expect(itemsOf(seen)).toMatchObject([{ content: [{ text: 'Half' }] }]);
  });
});

test.each([
  ['the model goes on to write', [{ type: 'text-delta', id: '0', text: 'Meanwhile.' }]],
  ['the run is stopped', [{ type: 'abort' }]],
  ['the stream ends', []],
])('a tool that still runs when %s is not shown as loading for ever', async (_when, rest) => {
  async function* parts() {
    yield { type: 'tool-call', toolCallId: 'call_1', toolName: 'search', input: {} };
    yield* rest;
  }
  const events = await collectAll(streamAiResponse(thread, parts(), options()));
  legal(events);
  expect(itemsOf(events)[0]).toMatchObject({
    type: 'workflow',
    workflow: { tasks: [{ title: 'search', status_indicator: 'none' }] },
  });
});

test('a tool can be described, or hidden', async () => {
  const run = (describeTool: NonNullable<Parameters<typeof streamAiResponse>[2]>['describeTool']) => {
    const result = streamText({
      model: scriptedAiModel(steps),
      prompt: 'Hi',
      tools: { search },
      stopWhen: isStepCount(3),
    });
    return collectAll(streamAiResponse(thread, result.fullStream, { ...options(), describeTool }));
  };
  const described = await run((name, input) => ({ title: `${name} ${(input as { q: string }).q}`, icon: 'search' }));
  expect(itemsOf(described)[0]).toMatchObject({ workflow: { tasks: [{}, { title: 'search x', icon: 'search' }] } });
  expect(itemsOf(await run(() => undefined))[0]).toMatchObject({ workflow: { tasks: [{ type: 'thought' }] } });
});

describe('a tool without execute', () => {
  const where = tool({ inputSchema: z.object({ high: z.boolean() }), outputSchema: z.string() });
  const call = { type: 'tool-call', toolCallId: 'call_w', toolName: 'where', input: '{"high":true}' };
  const searched = { type: 'tool-call', toolCallId: 'call_s', toolName: 'search', input: '{"q":"x"}' };

  test('is a tool of the page: its call is the last item, behind the steps of the others', async () => {
    const model = scriptedAiModel([[searched, call, aiFinish('tool-calls')]]);
    const result = streamText({ model, prompt: 'Hi', tools: { search, where }, stopWhen: isStepCount(3) });
    const events = await collectAll(streamAiResponse(thread, result.fullStream, options()));
    legal(events);
    expect(itemsOf(events)).toMatchObject([
      { type: 'workflow', workflow: { tasks: [{ status_indicator: 'complete' }, { status_indicator: 'none' }] } },
      { type: 'client_tool_call', status: 'pending', call_id: 'call_w', name: 'where', arguments: { high: true } },
    ]);
  });

  test('is none while it waits for an approval, nor where the provider runs it', async () => {
    async function* parts() {
      yield { ...call, input: { high: true } };
      yield { type: 'tool-approval-request', approvalId: 'a', toolCall: { toolCallId: 'call_w' } };
      yield { ...searched, input: { q: 'x' }, providerExecuted: true };
      yield { type: 'finish-step' };
    }
    const events = await collectAll(streamAiResponse(thread, parts(), options()));
    expect(itemsOf(events).map(({ type }) => type)).toEqual(['workflow']);
  });
});

describe('parts in an order of their own', () => {
  const say = (id: string, text: string) => ({ type: 'text-delta', id, text });
  const called = { type: 'tool-call', toolCallId: 'c', toolName: 'search', input: {} };
  const answered = { type: 'tool-result', toolCallId: 'c', toolName: 'search' };
  const source = { type: 'source', sourceType: 'url', url: 'https://a.example/', title: 'A' };
  const read = async (...parts: object[]) => {
    const all = await collectAll(
      streamAiResponse(
        thread,
        (async function* () {
          yield* parts;
        })(),
        options(),
      ),
    );
    legal(all);
    return itemsOf(all);
  };

  test('a source belongs to the part that is being written, of its own message', async () => {
    const cited = [{ source: { url: 'https://a.example/' }, index: 3 }];
    expect(await read(say('a', 'On'), say('b', 'e'), called, answered, say('a', 'Two'), source)).toMatchObject([
      { content: [{ text: 'On' }, { text: 'e' }] },
      { type: 'workflow' },
      { content: [{ text: 'Two', annotations: cited }] },
    ]);
    expect(await read(say('a', 'On'), say('b', 'e'), source)).toMatchObject([
      {
        content: [
          { text: 'On', annotations: [] },
          { text: 'e', annotations: cited },
        ],
      },
    ]);
  });

  test('each thought of a step is a task, and the next step may use its id again', async () => {
    const think = (id: string, ...texts: string[]) => [
      ...texts.map((text) => ({ type: 'reasoning-delta', id, text })),
      { type: 'reasoning-end', id },
    ];
    const next = { type: 'finish-step' };
    const items = await read(...think('r', 'O', 'ne'), ...think('s', 'Tw', 'o'), next, ...think('r', 'Three'), next);
    expect(items).toMatchObject([
      {
        workflow: {
          tasks: [{ content: 'One' }, { content: 'Two' }, { content: 'Three' }],
          summary: { duration: 0 },
        },
      },
    ]);
  });

  test('a tool that still runs when an image comes is not shown as loading for ever', async () => {
    const image = { type: 'file', mediaType: 'image/png', url: 'https://a.example/i.png' };
    expect(await read(called, image)).toMatchObject([
      { workflow: { tasks: [{ status_indicator: 'none' }], summary: { duration: 0 } } },
      { type: 'generated_image' },
    ]);
  });

  test.each(['abc', null, 7, undefined])(
    'a tool of the page that is called with %o has no arguments, and one call',
    async (input) => {
      const items = await read({ ...called, input }, { type: 'finish-step' }, say('a', 'Hm.'), { type: 'finish-step' });
      expect(items.filter(({ type }) => type === 'client_tool_call')).toMatchObject([{ call_id: 'c', arguments: {} }]);
      expect(items.filter(({ type }) => type === 'client_tool_call')).toHaveProperty('0.arguments', {});
    },
  );

  test('a text without words is no message, and leaves a tool its task', async () => {
    expect(await read(say('a', ''))).toEqual([]);
    expect(await read(called, say('a', ''), answered)).toMatchObject([
      { workflow: { tasks: [{ status_indicator: 'complete' }] } },
    ]);
  });
});

test('an image becomes an item', async () => {
  const model = scriptedAiModel([
    [{ type: 'file', mediaType: 'image/png', data: { type: 'data', data: 'AAAA' } }, aiFinish('stop')],
  ]);
  const all = await collectAll(streamAiResponse(thread, streamText({ model, prompt: 'Hi' }).fullStream, options()));
  expect(itemsOf(all)).toMatchObject([{ type: 'generated_image', image: { url: 'data:image/png;base64,AAAA' } }]);
});

test('an abort ends the stream with what there is', async () => {
  const parts = [
    { type: 'text-delta', id: '0', text: 'Half' },
    { type: 'abort' },
    { type: 'text-delta', id: '0', text: 'never' },
  ];
  const all = await collectAll(streamAiResponse(thread, toReadableStream(parts), options()));
  expect(itemsOf(all)).toMatchObject([{ content: [{ text: 'Half' }] }]);
  expect(outline(all).some((line) => line.startsWith('done'))).toBe(false);
});

const base = (id: string) => ({ id, thread_id: 't', created_at: '2026-01-01T00:00:00Z' });
const message = (id: string, rest: object = {}) =>
  ({
    ...base(id),
    type: 'user_message',
    content: [{ type: 'input_text', text: 'Hi' }],
    attachments: [],
    inference_options: {},
    ...rest,
  }) as ThreadItem;

test('items become model messages that the SDK accepts', async () => {
  const task = { type: 'custom', status_indicator: 'none', title: 'Search', content: 'three hits' };
  const items = [
    message('1', { quoted_text: 'old' }),
    {
      ...base('2'),
      type: 'assistant_message',
      content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
    },
    {
      ...base('3'),
      type: 'client_tool_call',
      status: 'completed',
      call_id: 'c',
      name: 'n',
      arguments: { a: null },
      output: 1,
    },
    { ...base('4'), type: 'client_tool_call', status: 'pending', call_id: 'd', name: 'n', arguments: {} },
    { ...base('5'), type: 'hidden_context_item', content: { a: 1 } },
    { ...base('6'), type: 'widget', widget: { type: 'Card' } },
    {
      ...base('7'),
      type: 'structured_input',
      status: 'answered',
      inputs: [{ type: 'freeform', id: 'a', question: 'Name?', answer: { values: ['Ada'], skipped: false } }],
    },
    {
      ...base('8'),
      type: 'workflow',
      workflow: {
        type: 'custom',
        expanded: false,
        tasks: [task, { type: 'thought', status_indicator: 'none', content: 'hm' }],
      },
    },
    { ...base('9'), type: 'generated_image', image: { id: 'i', url: 'data:image/png;base64,iVBORw0KGgo=' } },
    { ...base('10'), type: 'generated_image' },
    message('11', { quoted_text: 'that' }),
    { ...base('12'), type: 'sdk_hidden_context', content: 'note' },
    { ...base('13'), type: 'end_of_turn' },
  ] as ThreadItem[];
  const messages = toModelMessages(items);
  expect(messages).toEqual([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
    { role: 'assistant', content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'n', input: { a: null } }] },
    {
      role: 'tool',
      content: [{ type: 'tool-result', toolCallId: 'c', toolName: 'n', output: { type: 'json', value: 1 } }],
    },
    { role: 'user', content: expect.stringContaining('{"a":1}') },
    {
      role: 'user',
      content: 'The following graphical UI widget (id: 6) was displayed to the user:{"type":"Card"}',
    },
    { role: 'user', content: expect.stringContaining('- Name?: Ada') },
    { role: 'user', content: expect.stringContaining('Search: three hits') },
    {
      role: 'user',
      content: [
        { type: 'text', text: expect.any(String) },
        { type: 'file', mediaType: 'image', data: expect.stringContaining('data:image/png') },
      ],
    },
    { role: 'user', content: 'Hi' },
    { role: 'user', content: 'The user is referring to this in particular: \nthat' },
    { role: 'user', content: expect.stringContaining('note') },
  ]);
  const result = streamText({ model: scriptedAiModel([[...text('ok'), aiFinish('stop')]]), messages });
  expect(await result.text).toBe('ok');
});

test('attachments and mentions are what the application says', () => {
  const tag = { type: 'input_tag', id: 't', text: 'Ada', data: {}, interactive: false };
  const attachment = { type: 'file', id: 'a', name: 'a.txt', mime_type: 'text/plain' };
  const item = message('1', {
    content: [{ type: 'input_text', text: 'Ask ' }, tag, { type: 'input_text', text: ' or ' }, tag],
    attachments: [attachment],
  });
  expect(toModelMessages([item])).toEqual([{ role: 'user', content: 'Ask @Ada or @Ada' }]);
  expect(
    toModelMessages([item], {
      attachmentToContent: ({ name }) => ({ type: 'text', text: name }),
      tagToContent: ({ text: name }) => ({ type: 'text', text: `${name} Lovelace` }),
    }),
  ).toEqual([
    {
      role: 'user',
      content: [
        { type: 'text', text: 'Ask @Ada or @Ada' },
        { type: 'text', text: 'a.txt' },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'text', text: expect.stringContaining('@-mentions') },
        { type: 'text', text: 'Ada Lovelace' },
      ],
    },
  ]);
});
