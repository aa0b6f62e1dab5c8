/**
 * Server and client in one file: a conversation in the terminal, with every answer streamed over HTTP from the one to
 * the other. `node apps/minimal/main.ts`, after `npm run build`. Ctrl+C stops an answer, and ends the program between
 * two.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { createChatClient } from '@chatkit/client';
import { assistantMessage, itemAdded, itemDone, progressUpdate, textDelta } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createMemoryStore } from '@chatkit/store/memory';

// ── The server: your code is respond(). A message in, events out.

const server = createChatKitServer({
  store: createMemoryStore(),
  async *respond(thread, input, _context, run) {
    const question = input?.content.map((part) => part.text).join(' ') ?? '';
    thread.title ??= question;
    yield progressUpdate('Counting…');
    await sleep(400, undefined, { signal: run.signal });
    const letters = question.replace(/[^\p{L}]/gu, '').length;
    const text = `“${question}” has ${letters} letters and ${question.split(/\s+/).length} words. Ask me another one!`;

    const message = assistantMessage({ thread_id: thread.id });
    yield itemAdded(message);
    for (const word of text.split(/(?<= )/)) {
      yield textDelta(message.id, word);
      await sleep(60, undefined, { signal: run.signal });
    }
    yield itemDone(assistantMessage({ ...message, text, content: undefined }));
  },
});

const http = createServer(toNodeHandler(server)).listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
await once(http, 'listening');
const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/chatkit`;

// ── The client: send a message, read the events of its run.

const client = createChatClient({ url });
const terminal = createInterface({ input: process.stdin, output: process.stdout, prompt: '\n> ' });
let isOpen = true;
terminal.on('close', () => {
  isOpen = false;
});
terminal.on('SIGINT', () => void (client.getSnapshot().canStop ? client.stop() : terminal.close()));

console.log(`Listening at ${url}. Say something; Ctrl+D ends.`);
terminal.prompt();
for await (const line of terminal) {
  for await (const event of client.send(line)) {
    if (event.type === 'progress_update') console.log(`(${event.text})`);
    if (event.type !== 'thread.item.updated') continue;
    if (event.update.type === 'assistant_message.content_part.text_delta') process.stdout.write(event.update.delta);
  }
  console.log();
  if (isOpen) terminal.prompt();
}
http.close();
await server.close();
