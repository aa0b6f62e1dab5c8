import { CustomStreamError, StreamError, type ThreadStreamEvent } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import {
  Agent,
  defineToolInputGuardrail,
  defineToolOutputGuardrail,
  type Model,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run as runAgent,
  setTracingDisabled,
  ToolGuardrailFunctionOutputFactory,
  tool,
} from '@openai/agents';
import { aisdk } from '@openai/agents-extensions/ai-sdk';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { AgentContext, streamAgentResponse } from '../src/index.ts';
import { aiFinish, aiText, scriptedAiModel } from './scripted-ai.ts';
import { chatCompletion, responsesStream, scriptedOpenAI } from './scripted-openai.ts';
import { createContext, outline } from './scripted-run.ts';

// How runs of the real SDK end that do not end well, on each kind of model.

beforeAll(() => setTracingDisabled(true));

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A model that first says something and calls the tool, then answers. */
const models: Record<string, () => Model> = {
  'chat completions': () =>
    new OpenAIChatCompletionsModel(
      scriptedOpenAI([
        chatCompletion(
          'c1',
          [
            { content: 'Let me look.' },
            {
              tool_calls: [
                { index: 0, id: 'call_1', type: 'function', function: { name: 'look_up', arguments: '{}' } },
              ],
            },
          ],
          'tool_calls',
        ),
        chatCompletion('c2', [{ content: 'Found.' }]),
      ]),
      'm',
    ),
  Responses: () => {
    const message = (id: string, text: string) => ({
      id,
      type: 'message',
      role: 'assistant',
      status: 'completed',
      content: [{ type: 'output_text', text, annotations: [] }],
    });
    const said = (id: string, text: string) => [
      { type: 'response.output_item.added', output_index: 0, item: { ...message(id, ''), content: [] } },
      { type: 'response.output_text.delta', item_id: id, output_index: 0, content_index: 0, delta: text },
      { type: 'response.output_item.done', output_index: 0, item: message(id, text) },
    ];
    const call = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'look_up', arguments: '{}' };
    const called = { type: 'response.output_item.done', output_index: 1, item: call };
    return new OpenAIResponsesModel(
      scriptedOpenAI([
        responsesStream('r1', [message('m1', 'Let me look.'), call], [...said('m1', 'Let me look.'), called]),
        responsesStream('r2', [message('m2', 'Found.')], said('m2', 'Found.')),
      ]) as never,
      'm',
    );
  },
  'the AI SDK': () =>
    aisdk(
      scriptedAiModel([
        [
          ...aiText(['Let me look.']),
          { type: 'tool-call', toolCallId: 'call_1', toolName: 'look_up', input: '{}' },
          aiFinish('tool-calls'),
        ],
        [...aiText(['Found.']), aiFinish('stop')],
      ]),
    ) as Model,
};

const nameOf = (value: unknown): string | undefined => (value instanceof Error ? value.constructor.name : undefined);

const trip = { execute: async () => ({ outputInfo: {}, tripwireTriggered: true }) };
const throwing = () => ToolGuardrailFunctionOutputFactory.throwException({});

describe.each(Object.entries(models))('%s', (_name, createModel) => {
  test.each([
    ['input', 'InputGuardrailTripwireTriggered'],
    ['output', 'OutputGuardrailTripwireTriggered'],
    ['tool input', 'ToolInputGuardrailTripwireTriggered'],
    ['tool output', 'ToolOutputGuardrailTripwireTriggered'],
  ])('a tripped %s guardrail takes back all that was shown', async (kind, error) => {
    const context = await createContext();
    const agent = new Agent<AgentContext<string>>({
      name: 'Assistant',
      model: createModel(),
      inputGuardrails: kind === 'input' ? [{ name: 'in', ...trip }] : [],
      outputGuardrails: kind === 'output' ? [{ name: 'out', ...trip }] : [],
      tools: [
        tool({
          name: 'look_up',
          description: 'Looks it up',
          parameters: z.object({}),
          execute: () => 'three hits',
          inputGuardrails:
            kind === 'tool input' ? [defineToolInputGuardrail({ name: 'in', run: async () => throwing() })] : [],
          outputGuardrails:
            kind === 'tool output' ? [defineToolOutputGuardrail({ name: 'out', run: async () => throwing() })] : [],
        }),
      ],
    });
    const run = await runAgent(agent, 'Hi', { stream: true, context });
    const events: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of streamAgentResponse(context, run)) events.push(event);
    })();
    const reason: unknown = await reading.catch((thrown: unknown) => thrown);
    expect([nameOf(reason), nameOf((reason as { error?: unknown }).error)]).toContain(error);
    const shown = new Set(events.flatMap((event) => (event.type === 'thread.item.added' ? [event.item.id] : [])));
    const taken = events.flatMap((event) => (event.type === 'thread.item.removed' ? [event.item_id] : []));
    expect(new Set(taken)).toEqual(shown);
    // The tool's own guardrails see the call after the text before it was shown.
    if (kind !== 'input') expect(shown.size).toBeGreaterThan(0);
  });

  test('an aborted run ends without an error, and is not a finished one: nothing is closed', async () => {
    const stop = new AbortController();
    const context = await createContext();
    const agent = new Agent<AgentContext<string>>({
      name: 'Assistant',
      model: createModel(),
      tools: [
        tool({
          name: 'look_up',
          description: 'Looks it up',
          parameters: z.object({}),
          execute: async () => {
            context.addWorkflowTask({ type: 'custom', status_indicator: 'loading', title: 'Looking' });
            context.callClientTool({ name: 'look_up', arguments: {} });
            stop.abort();
            await turn();
            return '';
          },
        }),
      ],
    });
    const run = await runAgent(agent, 'Hi', { stream: true, context, signal: stop.signal });
    const events: ThreadStreamEvent[] = [];
    for await (const event of streamAgentResponse(context, run)) events.push(event);
    expect(run.cancelled).toBe(true);
    expect(run.error).toBeNull();
    const lines = outline(events);
    expect(lines).toContain('added workflow workflow_1');
    expect(lines).not.toContain('done workflow workflow_1');
    expect(lines.some((line) => line.includes('client_tool_call'))).toBe(false);
  });
});

/** A server whose agent has this model and these tools; returns the events of one question, and what is stored of it. */
const ask = async (
  model: Model,
  options: Partial<ConstructorParameters<typeof Agent<AgentContext<undefined>>>[0]> = {},
  slow = async () => {},
) => {
  const store = createMemoryStore<undefined>();
  const server = createChatKitServer<undefined>({
    store,
    onError: () => {},
    async *respond(thread, _input, requestContext, run) {
      const context = new AgentContext({ thread, store, requestContext, signal: run.signal });
      const agent = new Agent<AgentContext<undefined>>({ name: 'A', model, ...options });
      const result = await runAgent(agent, 'Hi', { stream: true, context, signal: run.signal });
      for await (const event of streamAgentResponse(context, result)) {
        await slow();
        yield event;
      }
    },
  });
  const input = { content: [{ type: 'input_text', text: 'Hi' }] };
  const response = await server.handle(
    new Request('http://localhost/', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'threads.create', params: { input } }),
    }),
    undefined,
  );
  const text = await response.text();
  const events = [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? '') as ThreadStreamEvent);
  const [thread] = (await store.listThreads({ limit: 1, order: 'asc' }, undefined)).data;
  const stored = (await store.listItems(thread?.id ?? '', { limit: 20, order: 'asc' }, undefined)).data;
  return { text, events, stored };
};

describe.each(Object.entries(models))('on a server, %s', (_name, createModel) => {
  const lookUp = (execute: () => string) =>
    tool({ name: 'look_up', description: 'Looks', parameters: z.object({}), execute, errorFunction: null });

  test('a tripped output guardrail takes what was shown out of the store, too; the user may try again', async () => {
    const { events, stored } = await ask(createModel(), {
      outputGuardrails: [{ name: 'out', ...trip }],
      tools: [lookUp(() => 'three hits')],
    });
    expect(stored.map((item) => item.type)).toEqual(['user_message']);
    expect(events.at(-1)).toEqual({ type: 'error', code: 'stream.error', allow_retry: true });
  });

  test('an error that a tool throws for the user reaches the user, though the SDK wraps it', async () => {
    const { events } = await ask(createModel(), {
      tools: [
        lookUp(() => {
          throw new CustomStreamError('The archive is closed.', { allowRetry: true });
        }),
      ],
    });
    expect(events.at(-1)).toEqual({
      type: 'error',
      code: 'custom',
      message: 'The archive is closed.',
      allow_retry: true,
    });
  });
});

test('a refusal by the Responses API is an answer, not an error', async () => {
  const refusal = 'I can’t help with that.';
  const at = { item_id: 'm1', output_index: 0, content_index: 0 };
  const message = (content: object[]) => ({
    id: 'm1',
    type: 'message',
    role: 'assistant',
    status: 'completed',
    content,
  });
  const done = message([{ type: 'refusal', refusal }]);
  const client = scriptedOpenAI([
    responsesStream(
      'r1',
      [done],
      [
        { type: 'response.output_item.added', output_index: 0, item: message([]) },
        { type: 'response.refusal.delta', ...at, delta: refusal },
        { type: 'response.refusal.done', ...at, refusal },
        { type: 'response.output_item.done', output_index: 0, item: done },
      ],
    ),
  ]);
  const { events, stored } = await ask(new OpenAIResponsesModel(client as never, 'm'));
  expect(events.some((event) => event.type === 'error')).toBe(false);
  expect(stored).toMatchObject([{ type: 'user_message' }, { content: [{ text: refusal }] }]);
});

describe('a model that fails after eight deltas, with a reader that is slow', () => {
  const failing = (error: Error): Model => ({
    getResponse: () => Promise.reject(error),
    async *getStreamedResponse() {
      yield { type: 'response_started' };
      for (let at = 0; at < 8; at += 1) yield { type: 'output_text_delta', delta: String(at) };
      throw error;
    },
  });

  test.each([
    ['an error of its own', new Error('sk-secret'), { code: 'stream.error', allow_retry: true }],
    [
      'one that the user may read',
      new CustomStreamError('Not today.'),
      { code: 'custom', message: 'Not today.', allow_retry: false },
    ],
    [
      'one that can be tried again',
      new CustomStreamError('Busy.', { allowRetry: true }),
      { code: 'custom', message: 'Busy.', allow_retry: true },
    ],
    [
      'one that cannot',
      new StreamError('stream.error', { allowRetry: false }),
      { code: 'stream.error', allow_retry: false },
    ],
  ])('%s: all eight arrive, then the error', async (_name, error, expected) => {
    const { events, text } = await ask(failing(error), {}, async () => {
      for (let wait = 0; wait < 5; wait += 1) await turn();
    });
    const deltas = events.flatMap((event) =>
      event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta'
        ? [event.update.delta]
        : [],
    );
    expect(deltas.join('')).toBe('01234567');
    const at = events.findIndex((event) => event.type === 'error');
    expect(events[at]).toEqual({ type: 'error', ...expected });
    expect(events.findLastIndex((event) => event.type === 'thread.item.updated')).toBeLessThan(at);
    expect(text).not.toContain('sk-secret');
  });
});
