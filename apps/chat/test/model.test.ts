import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { isCustomStreamError, type ThreadStreamEvent } from '@chatkit/core';
import { collect } from '@chatkit/stream';
import OpenAI from 'openai';
import { expect, onTestFinished, test } from 'vitest';
import { respondWithModel } from '../server/respond-with-model.ts';
import { index, question } from './fixtures.ts';

/** A model on loopback that answers as `reply` says. */
const startModel = async (reply: (request: IncomingMessage, response: ServerResponse, body: string) => void) => {
  const http = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    reply(request, response, body);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    http.closeAllConnections();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return new OpenAI({ apiKey: 'test', baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 0 });
};

const chunk = (content: string) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }] })}\n\n`;

const ask = (client: OpenAI, signal = new AbortController().signal) =>
  respondWithModel(question('How do I stop a lamp?'), [{ question: 'Hi', answer: 'Hello', sourceUrls: [] }], signal, {
    index,
    client,
    model: 'test-model',
  });

test('passes the passages and the history on, and streams what the model writes', async () => {
  let sent = '';
  const client = await startModel((_, response, body) => {
    sent = body;
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const word of ['It ', 'fades.']) response.write(chunk(word));
    response.end('data: [DONE]\n\n');
  });
  const events: ThreadStreamEvent[] = await collect(ask(client));
  const request = JSON.parse(sent);
  expect(request).toMatchObject({ model: 'test-model', stream: true });
  expect(request.messages[0].content).toContain('A lamp stops when its signal aborts.');
  expect(request.messages.slice(1)).toEqual([
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello' },
    { role: 'user', content: 'How do I stop a lamp?' },
  ]);
  const last = events.at(-1);
  if (last?.type !== 'thread.item.done' || last.item.type !== 'assistant_message') throw new Error('no answer');
  expect(last.item.content[0]?.text).toBe('It fades.');
  expect(last.item.content[0]?.annotations.length).toBeGreaterThan(0);
});

test('a stop aborts the request to the model', async () => {
  const stop = new AbortController();
  let closed: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const client = await startModel((_, response) => {
    response.on('close', () => closed?.());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(chunk('It '));
  });
  const events: ThreadStreamEvent[] = [];
  for await (const event of ask(client, stop.signal)) {
    events.push(event);
    if (JSON.stringify(event).includes('text_delta')) stop.abort();
  }
  await gone;
  expect(events.some((event) => event.type === 'thread.item.done')).toBe(false);
});

test.each([
  [401, /key in OPENAI_API_KEY/, false],
  [404, /no model “test-model”/, false],
  [429, /busy/, true],
  [500, /problem of its own/, true],
  [400, /did not accept/, false],
])('status %i becomes a sentence for the user, without the provider’s words', async (status, message, allowRetry) => {
  const client = await startModel((_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{"message":"sk-secret"}}');
  });
  const error = await collect(ask(client)).catch((reason: unknown) => reason);
  expect(isCustomStreamError(error)).toBe(true);
  expect(error).toMatchObject({ message: expect.stringMatching(message), allowRetry });
  expect(String(error)).not.toContain('sk-secret');
});

test('a model that cannot be reached can be tried again', async () => {
  const client = new OpenAI({ apiKey: 'test', baseURL: 'http://127.0.0.1:9/v1', maxRetries: 0 });
  const error = await collect(ask(client)).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ message: 'The model at 127.0.0.1:9 cannot be reached.', allowRetry: true });
});
