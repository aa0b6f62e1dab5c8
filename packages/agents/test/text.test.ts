import type { ThreadStreamEvent } from '@chatkit/core';
import { emptyThreadState, reduceThread, selectItems } from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { toReadableStream } from '@chatkit/stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamTextResponse, type TextSource, withProgress } from '../src/text/index.ts';
import { chatCompletion } from './scripted-openai.ts';
import { collectAll, countingIds, outline, thread } from './scripted-run.ts';

async function* sequence<T>(...values: T[]): AsyncGenerator<T> {
  yield* values;
}
const options = () => ({ createId: countingIds(), now: () => 0 });
const finalText = (events: readonly ThreadStreamEvent[]) =>
  selectItems(events.reduce(reduceThread, emptyThreadState)).map((item) =>
    item.type === 'assistant_message' ? item.content.map((part) => part.text).join('') : item.type,
  );

test('law: any cut of any text gives one message with all of it, in a legal order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme' })), fc.boolean(), async (texts, asWebStream) => {
      const source: TextSource = asWebStream ? toReadableStream(sequence(...texts)) : sequence(...texts);
      const events = await collectAll(streamTextResponse(thread, source, options()));
      const checker = createOrderChecker();
      expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
      const whole = texts.join('');
      expect(finalText(events)).toEqual(whole === '' ? [] : [whole]);
    }),
  );
});

test('reads chunks of a chat completion and events of the Responses API', async () => {
  const chunks = chatCompletion('c', [{ reasoning_content: 'Hm.' }, { content: 'Hel' }, { content: 'lo' }]);
  const chat = await collectAll(streamTextResponse(thread, sequence(...chunks), options()));
  expect(finalText(chat)).toEqual(['workflow', 'Hello']);

  const at = { item_id: 'msg_1', content_index: 0 };
  const events = [
    { type: 'response.output_item.added', item: { id: 'msg_1', type: 'message' } },
    { type: 'response.output_text.delta', ...at, delta: 'Hello' },
    {
      type: 'response.output_item.done',
      item: { id: 'msg_1', type: 'message', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] },
    },
  ];
  expect(finalText(await collectAll(streamTextResponse(thread, sequence(...events), options())))).toEqual(['Hello']);
});

test('progress stands until the first token', async () => {
  const events = withProgress('Reading…', streamTextResponse(thread, sequence('Hi'), options()), { icon: 'search' });
  let state = emptyThreadState;
  const lines: (string | undefined)[] = [];
  for await (const event of events) {
    state = reduceThread(state, event);
    lines.push(state.progress?.text);
  }
  expect(lines).toEqual(['Reading…', undefined, undefined, undefined, undefined]);
});

test('annotations of the whole text arrive as updates and in the finished message', async () => {
  const annotation = { type: 'annotation', source: { type: 'file', title: 'a', filename: 'a' }, index: 2 } as const;
  const seen: string[] = [];
  const annotate = (text: string) => {
    seen.push(text);
    return [annotation];
  };
  const events = await collectAll(streamTextResponse(thread, sequence('H', 'i'), { ...options(), annotate }));
  expect(seen).toEqual(['Hi']);
  expect(outline(events).slice(-2)).toEqual([
    'assistant_message.content_part.annotation_added message_1',
    'done assistant_message message_1',
  ]);
  expect(events.at(-1)).toMatchObject({ item: { content: [{ annotations: [annotation] }] } });
});

test('a Responses stream says itself when its message is done: the annotations are in that, and nothing waits but it', async () => {
  const annotation = { type: 'annotation', source: { type: 'file', title: 'a', filename: 'a' } } as const;
  const message = (id: string, text: string) => [
    { type: 'response.output_item.added', item: { id, type: 'message' } },
    { type: 'response.output_text.delta', item_id: id, content_index: 0, delta: text },
    {
      type: 'response.output_item.done',
      item: { id, type: 'message', content: [{ type: 'output_text', text, annotations: [] }] },
    },
  ];
  const image = { type: 'response.output_item.done', item: { id: 'i', type: 'image_generation_call', result: 'QUJD' } };
  const source = sequence<object>(...message('m1', 'One. '), ...message('m2', 'Two.'), image);
  const events = await collectAll(streamTextResponse(thread, source, { ...options(), annotate: () => [annotation] }));
  const checker = createOrderChecker();
  expect(events.map((event) => checker.check(event)).filter((each) => each !== undefined)).toEqual([]);
  expect(outline(events).filter((line) => /^done|annotation/.test(line))).toEqual([
    'done assistant_message m1',
    'assistant_message.content_part.annotation_added m2',
    'done assistant_message m2',
    'done generated_image message_1',
  ]);
});

test.each([
  ['without annotations each event', undefined, ['done assistant_message m']],
  ['with them all but what they belong to', () => [], []],
])('%s is passed on when it comes', async (_name, annotate, last) => {
  let goOn = () => {};
  const source = async function* () {
    yield { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'One.' };
    yield { type: 'response.output_item.done', item: { id: 'm', type: 'message', content: [] } };
    await new Promise<void>((resolve) => {
      goOn = resolve;
    });
  };
  const shown: ThreadStreamEvent[] = [];
  const reading = (async () => {
    for await (const event of streamTextResponse(thread, source(), { ...options(), annotate })) shown.push(event);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  const before = outline(shown);
  goOn();
  await reading;
  expect(before.map((line) => line.replace('message_1', 'm'))).toEqual([
    'added assistant_message m',
    'assistant_message.content_part.added m',
    'assistant_message.content_part.text_delta m',
    ...last,
  ]);
});

test('an answer without text has no sources, and a message that ends without a part has none to put them in', async () => {
  const annotation = { type: 'annotation', source: { type: 'file', title: 'a', filename: 'a' } } as const;
  const asked: string[] = [];
  const annotate = (text: string) => {
    asked.push(text);
    return [annotation];
  };
  const image = { type: 'response.output_item.done', item: { id: 'i', type: 'image_generation_call', result: 'QUJD' } };
  await collectAll(streamTextResponse(thread, sequence<object>(image), { ...options(), annotate }));
  expect(asked).toEqual([]);
  const source = sequence<object>(
    { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'Hi' },
    { type: 'response.output_item.done', item: { id: 'm', type: 'message', content: [] } },
  );
  const events = await collectAll(streamTextResponse(thread, source, { ...options(), annotate }));
  expect(events.at(-1)).toMatchObject({ type: 'thread.item.done', item: { content: [] } });
});

test('a field `error` of an event that is no failure is data', async () => {
  const source = sequence<object>(
    { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'Hi', error: { message: 'none' } },
    { choices: [{ index: 0, delta: {} }], error: null },
  );
  expect(finalText(await collectAll(streamTextResponse(thread, source, options())))).toEqual(['Hi']);
});

test('a model that only thinks ends its thought', async () => {
  const chunk = { choices: [{ index: 0, delta: { reasoning: 'Hm.' } }] };
  const events = await collectAll(streamTextResponse(thread, sequence<object>(chunk), options()));
  expect(outline(events).at(-1)).toBe('done workflow workflow_1');
});

test('a message that was finished before an error is not lost, though its sources are', async () => {
  const source = async function* () {
    yield { type: 'response.output_item.added', item: { id: 'm1', type: 'message' } };
    yield { type: 'response.output_text.delta', item_id: 'm1', content_index: 0, delta: 'One.' };
    const content = [{ type: 'output_text', text: 'One.', annotations: [] }];
    yield { type: 'response.output_item.done', item: { id: 'm1', type: 'message', content } };
    throw new Error('boom');
  };
  const seen: ThreadStreamEvent[] = [];
  const reading = (async () => {
    const events = streamTextResponse(thread, source(), { ...options(), annotate: () => [] });
    for await (const event of events) seen.push(event);
  })();
  await expect(reading).rejects.toThrow('boom');
  expect(outline(seen).at(-1)).toBe('done assistant_message m1');
});

test('an error of the source comes after the text before it; stopping closes the source', async () => {
  const boom = new Error('boom');
  let closed = 0;
  const failing = async function* () {
    try {
      yield 'a';
      yield 'b';
      throw boom;
    } finally {
      closed += 1;
    }
  };
  const seen: ThreadStreamEvent[] = [];
  const reading = (async () => {
    for await (const event of streamTextResponse(thread, failing(), options())) seen.push(event);
  })();
  await expect(reading).rejects.toBe(boom);
  expect(finalText(seen)).toEqual(['ab']);

  for await (const _ of streamTextResponse(thread, failing(), options())) break;
  expect(closed).toBe(2);
});

test.each([
  [
    'response.failed',
    { type: 'response.failed', response: { error: { code: 'server_error', message: 'Overloaded.' } } },
  ],
  ['error', { type: 'error', message: 'Overloaded.' }],
  ['a chunk with an error', { error: { code: 502, message: 'Overloaded.' }, choices: [{ delta: { content: '' } }] }],
])('half an answer does not look whole: %s is thrown', async (_name, failure) => {
  const events: ThreadStreamEvent[] = [];
  const begun =
    'choices' in failure
      ? { choices: [{ delta: { content: 'Half' } }], error: null }
      : { type: 'response.output_text.delta', item_id: 'm', content_index: 0, delta: 'Half' };
  const reading = async () => {
    for await (const event of streamTextResponse(thread, sequence<object>(begun, failure), options()))
      events.push(event);
  };
  await expect(reading()).rejects.toThrow('Overloaded.');
  expect(finalText(events)).toEqual(['Half']);
  expect(events.some((event) => event.type === 'thread.item.done')).toBe(false);
});
