/**
 * Our client at a server of the reference: it gets the bytes that the Python SDK sent, knows none of our extensions, and
 * shows what the events say. The frames arrive in pieces of seven bytes, so that no boundary falls where it is convenient.
 */
import { createChatClient } from '@chatkit/client';
import {
  emptyThreadState,
  reduceThread,
  selectItems,
  selectOpenItems,
  type ThreadItem,
  type ThreadStreamEvent,
  toWireItem,
} from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';
import { describe, expect, it } from 'vitest';
import { loadRecording, loadScenarios } from './scenario.ts';

const eventsOf = (sse: readonly string[]): ThreadStreamEvent[] =>
  sse.map((frame) => JSON.parse(frame.slice('data: '.length)) as ThreadStreamEvent);

const cut = (text: string, size: number): ReadableStream<Uint8Array> => {
  const bytes = new TextEncoder().encode(text);
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + size));
      at += size;
    },
  });
};

const isError = ({ type }: ThreadStreamEvent): boolean => type === 'error';

/** Whole answers to a first message. A client rightly takes one that ends in the middle of an item for cut. */
const answers = loadScenarios().flatMap(({ name, requests }) => {
  const { sse, ended, exception } = loadRecording(name).answers[0] ?? { calls: [] };
  if (requests[0]?.body?.['type'] !== 'threads.create' || sse === undefined || ended || exception) return [];
  const events = eventsOf(sse);
  const state = events.reduce(reduceThread, emptyThreadState);
  if (selectOpenItems(state).length > 0 && !events.some(isError)) return [];
  // What the reference leaves open after an error stays on the screen, except a message in which nothing is written.
  const isBlank = (item: ThreadItem) => item.type === 'assistant_message' && item.content.length === 0;
  const blank = selectOpenItems(state).filter(isBlank);
  return [
    {
      name,
      sse,
      events,
      shown: selectItems(state)
        .filter((item) => !blank.includes(item))
        .map(toWireItem),
    },
  ];
});

describe('our client shows what the reference sent', () => {
  it('is tried on most of the recordings of first messages', () => {
    expect(answers.length).toBeGreaterThan(60);
  });

  it.each(answers)('$name', async ({ sse, events, shown }) => {
    const sent: { headers: Headers; body: string }[] = [];
    const client = createChatClient({
      url: 'http://localhost/chatkit',
      scheduler: (flush) => {
        flush();
        return () => {};
      },
      async fetch(_url, init) {
        sent.push({ headers: new Headers(init?.headers), body: String(init?.body) });
        if (sent.length > 1) return new Response('', { status: 500 });
        return new Response(cut(sse.join(''), 7), { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
      },
    });
    const run = client.send('Hello');
    const received: ThreadStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of run) received.push(event);
    })();
    expect(await run.done).toBe(events.some(isError) ? 'failed' : 'completed');
    await reading;
    expect(received).toEqual(events);
    const snapshot = client.getSnapshot();
    expect(snapshot.items.map(toWireItem)).toEqual(shown);
    expect(snapshot.status).toBe('idle');
    expect(sent).toHaveLength(1);
  });
});

describe('frames of the reference are read wherever they are cut', () => {
  const { sse = [] } = loadRecording('create-unicode').answers[0] ?? { calls: [] };
  const length = new TextEncoder().encode(sse.join('')).length;

  it.each([1, 2, 3, 5, 64, 1000, length])('in pieces of %i bytes', async (size) => {
    const data: (string | undefined)[] = [];
    for await (const frame of decodeSse(cut(sse.join(''), size))) data.push(frame.data);
    expect(data).toEqual(sse.map((frame) => frame.slice('data: '.length, -2)));
  });
});
