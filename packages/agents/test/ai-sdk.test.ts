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

test('items become model messages that the SDK accepts', async () => {
  const base = { thread_id: 't', created_at: '2026-01-01T00:00:00Z' };
  const items = [
    {
      ...base,
      id: '1',
      type: 'user_message',
      content: [{ type: 'input_text', text: 'Hi' }],
      attachments: [],
      inference_options: {},
      quoted_text: 'that',
    },
    { ...base, id: '2', type: 'assistant_message', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] },
    {
      ...base,
      id: '3',
      type: 'client_tool_call',
      status: 'completed',
      call_id: 'c',
      name: 'n',
      arguments: {},
      output: 1,
    },
    { ...base, id: '4', type: 'client_tool_call', status: 'pending', call_id: 'd', name: 'n', arguments: {} },
    { ...base, id: '5', type: 'hidden_context_item', content: { a: 1 } },
    { ...base, id: '6', type: 'widget', widget: { type: 'Card' } },
  ] as ThreadItem[];
  const messages = toModelMessages(items);
  expect(messages.map((message) => message.role)).toEqual(['user', 'assistant', 'assistant', 'tool', 'user']);
  const result = streamText({ model: scriptedAiModel([[...text('ok'), aiFinish('stop')]]), messages });
  expect(await result.text).toBe('ok');
});
