// The mistakes of the first hour. Types refuse most of them; a program in JavaScript, or an `any`, meets these errors.
import { createMemoryStore } from '@chatkit/store/memory';
import { expect, test } from 'vitest';
import { streamAiResponse } from '../src/ai-sdk/index.ts';
import { AgentContext, streamAgentResponse } from '../src/index.ts';
import { streamTextResponse } from '../src/text/index.ts';
import { collectAll, thread } from './scripted-run.ts';

const streams: Record<string, (source: never) => AsyncIterable<unknown>> = {
  streamTextResponse: (source) => streamTextResponse(thread, source),
  streamAiResponse: (source) => streamAiResponse(thread, source),
  streamAgentResponse: (source) =>
    streamAgentResponse(new AgentContext({ thread, store: createMemoryStore(), requestContext: undefined }), source),
};
const errorOf = (bridge: string, source: unknown): Promise<string> =>
  collectAll(streams[bridge]?.(source as never) as AsyncIterable<never>).then(
    () => 'no error',
    (error: Error) => error.message,
  );

test.each(Object.keys(streams))('%s: a promise is to be awaited', async (bridge) => {
  expect(await errorOf(bridge, Promise.resolve([]))).toBe(
    `${bridge}() needs a stream, and got a promise. Await it first.`,
  );
});

test.each([
  ['streamTextResponse', 'stream: true'],
  ['streamAiResponse', 'result.fullStream'],
  ['streamAgentResponse', 'run(agent, input, { stream: true })'],
])('%s: what is whole, or nothing, is no stream, and %s gives one', async (bridge, cure) => {
  const whole = await errorOf(bridge, { id: 'resp_1', output_text: 'Hello' });
  expect(whole).toContain(`${bridge}() needs a stream, and got an object with the keys id, output_text.`);
  expect(whole).toContain(cure);
  expect(await errorOf(bridge, undefined)).toContain('got undefined');
});

async function* sequence<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}

test('a stream in which there is nothing that a bridge can read is an error, and no empty answer', async () => {
  const block = { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } };
  expect(await errorOf('streamTextResponse', sequence(block))).toBe(
    'streamTextResponse() found nothing to show in its stream, whose first chunk is an object with the keys type, index, delta. Take the text out of each chunk, and yield that.',
  );
  expect(await errorOf('streamAiResponse', sequence('Hel', 'lo'))).toBe(
    'streamAiResponse() found nothing to show in its stream, whose first chunk is a text. Give it `result.fullStream`; a stream of text goes into streamTextResponse().',
  );
});

test('chunks of other kinds beside text, and a model that says nothing, are no error', async () => {
  expect(await errorOf('streamTextResponse', sequence<unknown>({ ping: 1 }, 'Hello'))).toBe('no error');
  const image = { type: 'image_generation_call', id: 'i', result: 'AA' };
  const drawn = { type: 'response.output_item.done', item: image };
  expect(await errorOf('streamTextResponse', sequence<unknown>({ ping: 1 }, drawn))).toBe('no error');
  expect(await errorOf('streamTextResponse', sequence({ id: 'c', choices: [] }))).toBe('no error');
  expect(await errorOf('streamTextResponse', sequence({ type: 'response.completed', response: {} }))).toBe('no error');
  expect(await errorOf('streamAiResponse', sequence({ type: 'start' }, { type: 'finish' }))).toBe('no error');
});
