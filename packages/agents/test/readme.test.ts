import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ThreadStreamEvent } from '@chatkit/core';
import type { ChatKitServer } from '@chatkit/server';
import { setDefaultOpenAIClient, setOpenAIAPI, setTracingDisabled } from '@openai/agents';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { aiFinish, aiText, scriptedAiModel } from './scripted-ai.ts';
import { chatCompletion, scriptedOpenAI } from './scripted-openai.ts';
import { collectAll, outline, thread } from './scripted-run.ts';

// The README's examples, as they stand there, on scripted models.

const here = fileURLToPath(new URL('.', import.meta.url));
const readme = readFileSync(join(here, '../README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string);
let folder: string;

beforeAll(() => {
  setTracingDisabled(true);
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

const block = (import_: string): string => {
  const found = blocks.find((code) => code.includes(`'${import_}'`));
  if (found === undefined) throw new Error(`the README has no example of ${import_}`);
  return found;
};

test('the server with an agent answers', async () => {
  setOpenAIAPI('chat_completions');
  setDefaultOpenAIClient(scriptedOpenAI([chatCompletion('c', [{ content: 'Hel' }, { content: 'lo.' }])]) as never);
  const { server } = (await load(block('@openai/agents'))) as { server: ChatKitServer<undefined> };
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

test('the AI SDK', async () => {
  const model = scriptedAiModel([[...aiText(['Hello']), aiFinish('stop')]]);
  const base = { id: '1', thread_id: 'thr_1', created_at: '2026-01-01T00:00:00Z' };
  const content = [{ type: 'input_text', text: 'Hi' }];
  const items = [{ ...base, type: 'user_message', content, attachments: [], inference_options: {} }];
  const run = { signal: new AbortController().signal };
  const lines = await example(block('@chatkit/agents/ai-sdk'), { model, items, run, thread });
  expect(lines.at(0)).toMatch(/^added assistant_message/);
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});

test('a generator of text', async () => {
  const lines = await example(block('@chatkit/agents/text'), { thread });
  expect(lines[0]).toBe('progress_update');
  expect(lines.at(-1)).toMatch(/^done assistant_message/);
});
