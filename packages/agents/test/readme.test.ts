import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ThreadStreamEvent } from '@chatkit/core';
import type { ChatKitServer } from '@chatkit/server';
import { Agent, run as runAgent, setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled, tool } from '@openai/agents';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { type AgentContext, streamAgentResponse } from '../src/index.ts';
import { chatCompletion, responsesStream, scriptedOpenAI } from './scripted-openai.ts';
import { collectAll, createContext, outline, responses, scriptedRun, thread } from './scripted-run.ts';

// The README's examples, as they stand there, on scripted models.

const here = fileURLToPath(new URL('.', import.meta.url));
const readme = readFileSync(join(here, '../README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
let folder: string;

/** What the SDK's own client is answered with, which it keeps for all the tests. */
const answers: object[][] = [];

beforeAll(() => {
  setTracingDisabled(true);
  setOpenAIAPI('chat_completions');
  setDefaultOpenAIClient(scriptedOpenAI(answers) as never);
  folder = mkdtempSync(join(here, '.readme-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A block that leaves names to its reader becomes a generator that is given them. */
const asGenerator = (code: string, names: string): string => {
  const imports = code.match(/^import .*$/gm) ?? [];
  const body = code.replace(/^import .*\n/gm, '');
  return `${imports.join('\n')}\nexport async function* example({ ${names} }: any): AsyncGenerator<any> {\n${body}\n}\n`;
};

const load = async (code: string): Promise<Record<string, unknown>> => {
  const file = join(folder, `block-${Math.random().toString(36).slice(2)}.ts`);
  writeFileSync(file, code);
  return (await import(/* @vite-ignore */ file)) as Record<string, unknown>;
};

const example = async (code: string, given: Record<string, unknown>): Promise<string[]> => {
  const { example } = await load(asGenerator(code, Object.keys(given).join(', ')));
  const run = example as (given: Record<string, unknown>) => AsyncIterable<ThreadStreamEvent>;
  return outline(await collectAll(run(given)));
};

const block = (...parts: string[]): string => {
  const found = blocks.find((code) => parts.every((part) => code.includes(part)));
  if (found === undefined) throw new Error(`the README has no example with ${parts}`);
  return found;
};

const sse = (...events: (object | string)[]): Response => {
  const text = events.map((event) => {
    const type = typeof event === 'object' && 'type' in event ? `event: ${event.type}\n` : '';
    return `${type}data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`;
  });
  return new Response(text.join(''), { headers: { 'content-type': 'text/event-stream' } });
};

/** What each provider would have sent; the real client of each reads it. */
const providers: readonly (readonly [RegExp, () => Response])[] = [
  [
    /^http:\/\/localhost:11434\/v1\/chat\/completions$/,
    () => sse(...chatCompletion('c', [{ content: 'Hello' }]), '[DONE]'),
  ],
  [
    /^https:\/\/api\.openai\.com\/v1\/responses$/,
    () => {
      const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
      const item = (content: object[]) => ({ id: 'msg_1', type: 'message', role: 'assistant', content });
      const done = item([{ type: 'output_text', text: 'Hello', annotations: [] }]);
      return sse(
        ...responsesStream(
          'r',
          [done],
          [
            { type: 'response.output_item.added', output_index: 0, item: item([]) },
            { type: 'response.output_text.delta', ...at, delta: 'Hello' },
            { type: 'response.output_item.done', output_index: 0, item: done },
          ],
        ),
      );
    },
  ],
  [
    /^https:\/\/api\.anthropic\.com\/v1\/messages$/,
    () =>
      sse(
        {
          type: 'message_start',
          message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], usage: { input_tokens: 1 } },
        },
        { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Greet.' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
        { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Hello' } },
        { type: 'content_block_stop', index: 1 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
        { type: 'message_stop' },
      ),
  ],
  [
    /^https:\/\/generativelanguage\.googleapis\.com\/.*gemini-2\.5-flash:streamGenerateContent/,
    () =>
      sse({
        candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hello' }] }, finishReason: 'STOP' }],
        usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
      }),
  ],
];

const asked: { url: string; signal: AbortSignal | undefined }[] = [];
beforeEach(() => {
  asked.length = 0;
  for (const name of ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY', 'GOOGLE_GENERATIVE_AI_API_KEY']) vi.stubEnv(name, 'none');
  vi.stubGlobal('fetch', async (input: string | URL | Request, init?: RequestInit) => {
    const url = input instanceof Request ? input.url : String(input);
    asked.push({ url, signal: init?.signal ?? undefined });
    const answer = providers.find(([pattern]) => pattern.test(url));
    if (answer === undefined) throw new Error(`nothing is scripted for ${url}`);
    return answer[1]();
  });
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

const items = [
  {
    id: '1',
    thread_id: 'thr_1',
    created_at: '2026-01-01T00:00:00Z',
    type: 'user_message',
    content: [{ type: 'input_text', text: 'Hi' }],
    attachments: [],
    inference_options: {},
  },
];

test('the server with an agent answers', async () => {
  answers.push(chatCompletion('c', [{ content: 'Hel' }, { content: 'lo.' }]));
  const { server } = (await load(block('createMemoryStore()'))) as { server: ChatKitServer<undefined> };
  const input = { content: [{ type: 'input_text', text: 'Hi' }] };
  const request = new Request('http://localhost/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ type: 'threads.create', params: { input } }),
  });
  const text = await (await server.handle(request, undefined)).text();
  expect(text).toContain('"delta":"lo."');
  expect(text).toContain('"text":"Hello."');
});

test('an agent in a tool', async () => {
  const args = '{"question":"Why?"}';
  const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'ask_expert', arguments: args } };
  answers.push(chatCompletion('c1', [{ tool_calls: [call] }], 'tool_calls'));
  answers.push(chatCompletion('c2', [{ content: 'That is ' }, { content: 'why.' }]));
  const { agent } = await load(`${block('ask_expert')}\nexport { agent };\n`);
  const context = await createContext();
  const result = await runAgent(agent as Agent<typeof context>, 'Why?', { stream: true, context });
  expect(outline(await collectAll(streamAgentResponse(context, result)))).toEqual([
    'added assistant_message message_1',
    'assistant_message.content_part.added message_1',
    'assistant_message.content_part.text_delta message_1',
    'assistant_message.content_part.text_delta message_1',
    'done assistant_message message_1',
  ]);
});

test('an approval', async () => {
  const call = { index: 0, id: 'call_1', type: 'function', function: { name: 'send_mail', arguments: '{}' } };
  answers.push(chatCompletion('c1', [{ tool_calls: [call] }], 'tool_calls'));
  answers.push(chatCompletion('c2', [{ content: 'Sent.' }]));
  const execute = vi.fn(() => 'sent');
  const sendMail = tool({ name: 'send_mail', description: '', parameters: z.object({}), needsApproval: true, execute });
  const agent = new Agent<AgentContext<string>>({ name: 'Assistant', tools: [sendMail] });
  const context = await createContext();
  const asking = streamAgentResponse(context, await runAgent(agent, 'Hi', { stream: true, context }));
  const [question] = (await collectAll(asking)).flatMap((event) =>
    event.type === 'thread.item.done' ? event.item : [],
  );
  if (question?.type !== 'structured_input') throw new Error('nobody was asked');
  const inputs = question.inputs.map((input) => ({ ...input, answer: { values: ['Approve'], skipped: false } }));
  const items = [{ ...question, inputs }];
  const run = { signal: new AbortController().signal };
  const lines = await example(block('takeApprovalState'), { agent, context, items, run });
  expect(execute).toHaveBeenCalledOnce();
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});

test('Ollama', async () => {
  const context = await createContext();
  const run = { signal: new AbortController().signal };
  const lines = await example(block('11434'), { input: 'Hi', context, run });
  expect(asked.map(({ url }) => url)).toEqual(['http://localhost:11434/v1/chat/completions']);
  expect(lines.at(0)).toMatch(/^added assistant_message/);
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});

test.each([
  ['Anthropic', '@ai-sdk/anthropic', 'added workflow'],
  ['Google', '@ai-sdk/google', 'progress_update'],
])('%s through the AI SDK', async (_name, package_, first) => {
  const stop = new AbortController();
  const lines = await example(block(`'${package_}'`), { items, run: { signal: stop.signal }, thread });
  expect(lines[0]?.startsWith(first)).toBe(true);
  expect(lines.some((line) => line.includes('text_delta'))).toBe(true);
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
  expect(asked).toHaveLength(1);
});

test('a stream of the openai package', async () => {
  const run = { signal: new AbortController().signal };
  const lines = await example(block('new OpenAI()'), { question: 'Hi', run, thread });
  expect(lines.slice(-2)).toEqual([
    'assistant_message.content_part.annotation_added msg_1',
    'done assistant_message msg_1',
  ]);
});

test('a generator of text', async () => {
  const lines = await example(block('words()'), { thread });
  expect(lines[0]).toBe('progress_update');
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});

test('chunks of an SDK that none of the bridges knows', async () => {
  async function* chunks() {
    yield { type: 'message_start' };
    yield { type: 'content_block_delta', delta: { type: 'text_delta', text: 'Hello' } };
  }
  const lines = await example(block('textOf'), { thread, chunks: chunks() });
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});

test('hosted tools as steps', async () => {
  const call = { id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } };
  const event = { type: 'response.output_item.done', output_index: 0, item: call };
  const result = scriptedRun([responses(event)]);
  const lines = await example(block('hostedTools'), { context: await createContext(), result });
  expect(lines).toEqual(['added workflow workflow_1', 'done workflow workflow_1']);
});

test('a smooth flow', async () => {
  const message = { id: 'msg_1', type: 'message', role: 'assistant' };
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const burst = 'A burst of several words.';
  const result = scriptedRun([
    responses({ type: 'response.output_item.added', output_index: 0, item: { ...message, content: [] } }),
    responses({ type: 'response.output_text.delta', ...at, delta: burst }),
    responses({
      type: 'response.output_item.done',
      output_index: 0,
      item: { ...message, content: [{ type: 'output_text', text: burst, annotations: [] }] },
    }),
  ]);
  const lines = await example(block('smoothText'), { context: await createContext(), result });
  expect(lines.filter((line) => line.includes('text_delta')).length).toBeGreaterThan(1);
  expect(lines.at(-1)).toBe('done assistant_message msg_1');
});

test('every example of the README is run here', () => {
  const run = [
    'createMemoryStore()',
    'ask_expert',
    'takeApprovalState',
    'hostedTools',
    '11434',
    '@ai-sdk/anthropic',
    '@ai-sdk/google',
    'new OpenAI()',
    'words()',
    'textOf',
    'smoothText',
  ];
  expect(blocks.filter((code) => !run.some((part) => code.includes(part)))).toEqual([]);
});
