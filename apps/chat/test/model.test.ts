/** The same agent on a model behind an HTTP server, as `OPENAI_API_KEY` and `OPENAI_BASE_URL` make it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ThreadStreamEvent } from '@chatkit/core';
import { OpenAIChatCompletionsModel, OpenAIResponsesModel, setTracingDisabled } from '@openai/agents';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { createOpenAiModel } from '../server/agent/openai-model.ts';
import { readConfig } from '../server/config.ts';
import { startAssistant } from './start-assistant.ts';

beforeAll(() => setTracingDisabled(true));

interface SentRequest {
  model: string;
  stream: boolean;
  tools: { function: { name: string } }[];
  messages: { role: string; content: string }[];
}

/** A model on loopback that answers the nth request with the nth reply, and the last one from then on. */
const startModel = async (
  ...replies: ((response: ServerResponse, request: IncomingMessage) => void)[]
): Promise<{ base: string; sent: SentRequest[] }> => {
  const sent: SentRequest[] = [];
  const http = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    sent.push(JSON.parse(body));
    replies[Math.min(sent.length, replies.length) - 1]?.(response, request);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  return { base: `http://127.0.0.1:${(http.address() as AddressInfo).port}/v1`, sent };
};

const chunk = (delta: object, finish_reason: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;

const streams =
  (...deltas: object[]) =>
  (response: ServerResponse) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const delta of deltas) response.write(chunk(delta));
    response.end(`${chunk({}, deltas.some((delta) => 'tool_calls' in delta) ? 'tool_calls' : 'stop')}data: [DONE]\n\n`);
  };
const says = (...words: string[]) => streams(...words.map((content) => ({ content })));
const calls = (name: string, args: object) =>
  streams({
    tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name, arguments: JSON.stringify(args) } }],
  });

const assistantAt = (base: string) => {
  const { model, name } = createOpenAiModel({
    apiKey: 'test',
    baseUrl: base,
    name: 'test-model',
    reasoningSummary: false,
  });
  return startAssistant({ model, name });
};
const errorIn = (events: readonly ThreadStreamEvent[]) => events.find((event) => event.type === 'error');

test('the model is offered the tools, searches, and answers; what it found stands behind its answer', async () => {
  const { base, sent } = await startModel(
    says('Hello.'),
    calls('search_documentation', { query: 'stop a lamp' }),
    says('It ', 'fades.'),
  );
  const chat = assistantAt(base);
  await chat.ask('Hi');
  await chat.ask('How do I stop a lamp?');
  expect(sent[0]).toMatchObject({ model: 'test-model', stream: true });
  expect(sent[0]?.tools.map((tool) => tool.function.name)).toEqual([
    'search_documentation',
    'show_packages',
    'set_theme',
    'forget_conversation',
  ]);
  expect(sent[2]?.messages.map(({ role }) => role)).toEqual([
    'system',
    'user',
    'assistant',
    'user',
    'assistant',
    'tool',
  ]);
  expect(sent[2]?.messages.at(-1)?.content).toContain('A lamp stops when its signal aborts.');
  expect(chat.answer()).toBe('It fades.');
  const last = chat.client.getSnapshot().items.at(-1);
  if (last?.type !== 'assistant_message') throw new Error('no answer');
  expect(last.content[0]?.annotations[0]).toMatchObject({
    source: { title: 'Stopping a lamp', attribution: 'docs/lamps.md' },
    index: 9,
  });
});

test('the model can call the page, and hears what it did', async () => {
  const { base, sent } = await startModel(calls('set_theme', { theme: 'dark' }), says('Dark it is.'));
  const { model, name } = createOpenAiModel({ apiKey: 'k', baseUrl: base, name: 'm', reasoningSummary: false });
  const chat = startAssistant({ model, name, onClientTool: () => ({ theme: 'dark' }) });
  await chat.ask('dark');
  expect(sent[1]?.messages.slice(-2)).toMatchObject([
    { role: 'assistant', tool_calls: [{ id: 'call_1', function: { name: 'set_theme' } }] },
    { role: 'tool', tool_call_id: 'call_1', content: '{"theme":"dark"}' },
  ]);
  expect(chat.types()).toEqual(['user_message', 'client_tool_call', 'assistant_message']);
});

test('a stop aborts the request to the model', async () => {
  let closed: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { base } = await startModel((response) => {
    response.on('close', () => closed?.());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk({ content: 'It ' }));
  });
  const chat = assistantAt(base);
  const run = chat.client.send('How do I stop a lamp?');
  for await (const event of run) if (JSON.stringify(event).includes('text_delta')) break;
  await chat.client.stop();
  await gone;
  expect(await run.done).toBe('cancelled');
  expect(chat.types()).toEqual(['user_message', 'assistant_message', 'task']);
  expect(chat.errors).toEqual([]);
});

test.each([
  [401, /key in OPENAI_API_KEY/, false],
  [404, /no model “test-model”/, false],
  [429, /busy/, true],
  [500, /problem of its own/, true],
  [400, /did not accept/, false],
])('status %i becomes a sentence for the user, without the provider’s words', async (status, message, allow_retry) => {
  const { base } = await startModel((response) => {
    const headers = { 'content-type': 'application/json', 'retry-after-ms': '1' };
    response.writeHead(status, headers).end('{"error":{"message":"sk-secret"}}');
  });
  const events = await assistantAt(base).ask('How do I stop a lamp?');
  expect(errorIn(events)).toMatchObject({ code: 'custom', message: expect.stringMatching(message), allow_retry });
  expect(JSON.stringify(events)).not.toContain('sk-secret');
});

test('a model that cannot be reached can be tried again', async () => {
  const events = await assistantAt('http://127.0.0.1:9/v1').ask('How do I stop a lamp?');
  expect(errorIn(events)).toMatchObject({ message: 'The model at 127.0.0.1:9 cannot be reached.', allow_retry: true });
});

test('a model that says nothing is an error that can be tried again', async () => {
  const { base } = await startModel(says());
  const events = await assistantAt(base).ask('How do I stop a lamp?');
  expect(errorIn(events)).toMatchObject({
    message: 'test-model came to no answer.',
    allow_retry: true,
  });
});

test('a model that calls a tool for ever is stopped', async () => {
  const { base, sent } = await startModel(calls('search_documentation', { query: 'lamp' }));
  const events = await assistantAt(base).ask('How do I stop a lamp?');
  expect(errorIn(events)).toMatchObject({ message: 'test-model came to no answer.', allow_retry: true });
  expect(sent.length).toBeLessThanOrEqual(8);
});

test.each([
  ['OpenAI itself: its Responses API', {}, OpenAIResponsesModel, { reasoning: { effort: 'low' } }],
  [
    'with summaries of what it thinks',
    { OPENAI_REASONING_SUMMARY: 'auto' },
    OpenAIResponsesModel,
    { reasoning: { effort: 'low', summary: 'auto' } },
  ],
  ['a model that does not reason', { OPENAI_MODEL: 'gpt-4.1' }, OpenAIResponsesModel, {}],
  ['any other server', { OPENAI_BASE_URL: 'http://localhost:11434/v1' }, OpenAIChatCompletionsModel, {}],
])('%s', (_, env, kind, settings) => {
  const config = readConfig({ OPENAI_API_KEY: 'k', ...env }, '/').model;
  if (config === undefined) throw new Error('no model');
  const made = createOpenAiModel(config);
  expect(made.model).toBeInstanceOf(kind);
  expect(made.modelSettings).toEqual(settings);
});
