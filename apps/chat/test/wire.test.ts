import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rowsOf, say } from '../web/wire/say.ts';
import { createWire } from '../web/wire/wire.ts';

const encoder = new TextEncoder();
const item = (text: string) => ({
  id: 'msg_1',
  type: 'assistant_message',
  content: [{ type: 'output_text', text, annotations: [] }],
});
const added = { type: 'thread.item.added', item: item('') };
const delta = (text: string) => ({
  type: 'thread.item.updated',
  item_id: 'msg_1',
  update: { type: 'assistant_message.content_part.text_delta', content_index: 0, delta: text },
});
const done = (text: string) => ({ type: 'thread.item.done', item: item(text) });
const frame = (at: number, event: unknown) => `id: 1-${at}\ndata: ${JSON.stringify(event)}\n\n`;
const END = 'event: end\nid: 1-9\ndata: {"outcome":"completed"}\n\n';

/** A server that says what the test says, a connection for each request. */
const start = () => {
  const asked: string[] = [];
  const lines: ReadableStreamDefaultController<Uint8Array>[] = [];
  let frames: (() => void)[] = [];
  const inner: typeof fetch = async (input, init) => {
    asked.push(String(input));
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        lines.push(controller);
        init?.signal?.addEventListener('abort', () => controller.error(init.signal?.reason));
      },
    });
    return new Response(body, { headers: { 'chatkit-run-id': 'run_1' } });
  };
  const wire = createWire(inner, (callback) => frames.push(callback));
  return {
    wire,
    asked,
    open: async (after?: string) => {
      const response = await wire.fetch(after === undefined ? '/chatkit' : `/chatkit?run=run_1&after=${after}`);
      return (response.body as ReadableStream<Uint8Array>).getReader();
    },
    push: (chunk: Uint8Array) => lines.at(-1)?.enqueue(chunk),
    say: (text: string) => lines.at(-1)?.enqueue(encoder.encode(text)),
    end: () => lines.at(-1)?.close(),
    /** What a page shows after its next picture. */
    seen() {
      const due = frames;
      frames = [];
      for (const callback of due) callback();
      return wire.getSnapshot();
    },
  };
};

const rest = async (reader: ReadableStreamDefaultReader<Uint8Array>) => {
  const chunks: Uint8Array[] = [];
  for (let step = await reader.read(); !step.done; step = await reader.read()) chunks.push(step.value);
  return Buffer.concat(chunks);
};

test('bytes pass as they are, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1 }), { maxLength: 8 }), async (chunks) => {
      const { open, push, end } = start();
      const reader = await open();
      for (const chunk of chunks) push(chunk);
      end();
      expect(await rest(reader)).toEqual(Buffer.concat(chunks));
    }),
  );
});

test('a connection that is dropped fails as a broken network does, and the next one gets through', async () => {
  const { wire, open, say, end, seen } = start();
  const first = await open();
  say(frame(1, added) + frame(2, delta('Hello, ')));
  await first.read();
  expect(seen()).toMatchObject({ isStreaming: true, tally: { events: 2, connections: 1, twice: 0 } });
  wire.drop();
  await expect(first.read()).rejects.toThrow(TypeError);
  expect(seen()).toMatchObject({ isStreaming: false });

  const second = await open('1-2');
  // What was written meanwhile comes in one piece.
  say(frame(6, delta('world and all')) + frame(7, done('Hello, world and all')) + END);
  end();
  await rest(second);
  const { tally, entries } = seen();
  expect(tally).toEqual({ events: 5, connections: 2, twice: 0, text: { length: 20, isWhole: true } });
  expect(entries.toReversed().map((entry) => [entry.offset, inWords(entry)])).toEqual([
    [undefined, 'GET /chatkit'],
    ['1-1', 'item.added assistant_message'],
    ['1-2', 'text_delta Hello, '],
    [undefined, 'The connection broke'],
    ['1-2', 'GET the run again, after 1-2'],
    ['1-6', 'text_delta world and all'],
    ['1-7', 'item.done assistant_message'],
    ['1-9', 'end {"outcome":"completed"}'],
    [undefined, 'The end'],
  ]);
});

const inWords = (entry: Parameters<typeof say>[0]) => Object.values(say(entry)).filter(Boolean).join(' ');

test('what is lost and what comes twice is told', async () => {
  const { open, say, end, seen } = start();
  const reader = await open();
  say(frame(1, added) + frame(2, delta('a')) + frame(2, delta('a')) + frame(4, done('ab')));
  end();
  await rest(reader);
  expect(seen().tally).toEqual({ events: 4, connections: 1, twice: 1, text: { length: 2, isWhole: false } });
});

test('a message whose beginning was not seen is not judged', async () => {
  const { open, say, end, seen } = start();
  const reader = await open('1-5');
  say(frame(6, delta('b')) + frame(7, done('ab')));
  end();
  await rest(reader);
  expect(seen().tally).toEqual({ events: 2, connections: 1, twice: 0 });
});

test('without its plug nothing gets out, and what was open breaks', async () => {
  const { wire, open, asked, seen } = start();
  const reader = await open();
  wire.plug(false);
  await expect(reader.read()).rejects.toThrow(TypeError);
  await expect(open('1-2')).rejects.toThrow(TypeError);
  expect(asked.length).toBe(1);
  expect(seen()).toMatchObject({ isPlugged: false, isStreaming: false });
  wire.plug(true);
  await open('1-2');
  expect(asked.length).toBe(2);
  expect(seen()).toMatchObject({ isPlugged: true, isStreaming: true });
});

test('a request that nobody has answered yet breaks, too; one that its caller gave up is none that broke', async () => {
  const inner: typeof fetch = (_input, init) =>
    new Promise((_resolve, reject) => {
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason));
    });
  const wire = createWire(inner, (callback) => callback());
  const asking = wire.fetch('/chatkit');
  wire.plug(false);
  await expect(asking).rejects.toThrow(TypeError);
  wire.plug(true);
  const caller = new AbortController();
  const other = wire.fetch('/chatkit', { signal: caller.signal });
  caller.abort();
  await expect(other).rejects.toThrow('aborted');
  expect(wire.getSnapshot().entries.map(({ kind }) => kind)).toEqual(['request', 'broken', 'request']);
});

test('a reader that takes nothing is given nothing, so the server feels it', async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(encoder.encode(': still here\n\n'));
      },
    },
    { highWaterMark: 0 },
  );
  const wire = createWire(
    async () => new Response(body, { headers: { 'chatkit-run-id': 'run_1' } }),
    (callback) => callback(),
  );
  const response = await wire.fetch('/chatkit');
  expect(pulled).toBe(0);
  await response.body?.getReader().read();
  expect(pulled).toBe(1);
});

test('not more is kept than is shown', async () => {
  const { open, say, end, seen } = start();
  const reader = await open();
  for (let at = 1; at <= 500; at += 1) say(frame(at, delta('a')));
  end();
  await rest(reader);
  const { entries, tally } = seen();
  expect(tally.events).toBe(500);
  expect(entries.length).toBe(200);
  expect(entries[1]?.offset).toBe('1-500');
});

test('pieces of a text in a row are one line, which grows and keeps its key; what breaks stands between two of them', async () => {
  const { wire, open, say, end, seen } = start();
  const first = await open();
  say(frame(1, added) + frame(2, delta('a ')) + frame(3, delta('b\n')));
  await first.read();
  const before = rowsOf(seen().entries);
  expect(before[0]).toMatchObject({ offset: '1-3', what: 'text_delta', count: 2, text: 'a b↵' });
  wire.drop();
  const second = await open('1-3');
  say(frame(4, delta('c')) + frame(5, delta('d'.repeat(50))) + frame(6, done('x')));
  end();
  await rest(second);
  const rows = rowsOf(seen().entries);
  expect(rows.map(({ kind, what, count }) => [kind, what, count])).toEqual([
    ['end', 'The end', 1],
    ['frame', 'item.done assistant_message', 1],
    ['frame', 'text_delta', 2],
    ['request', 'GET the run again, after 1-3', 1],
    ['broken', 'The connection broke', 1],
    ['frame', 'text_delta', 2],
    ['frame', 'item.added assistant_message', 1],
    ['request', 'GET /chatkit', 1],
  ]);
  expect(rows[2]?.text).toBe(`…${'d'.repeat(24)}`);
  expect(rows[5]).toEqual(before[0]);
});

test('an event that is larger than a decoder takes by default comes through whole', async () => {
  const { wire, open, say: tell, end, seen } = start();
  const reader = await open();
  const text = frame(1, added) + frame(2, delta('x'.repeat(2 * 1024 * 1024)));
  tell(text);
  end();
  expect(await rest(reader)).toHaveLength(text.length);
  expect(seen().entries[0]?.kind).toBe('end');
  expect(wire.getSnapshot().tally.events).toBe(2);
});
