/** Replays a scenario on our server, as a plain client would see it: no `ChatKit-Client` header, nothing but the common wire. */
import { setImmediate } from 'node:timers/promises';
import type { Page, Store } from '@chatkit/core';
import { attachmentSchema, threadItemSchema, threadMetadataSchema } from '@chatkit/core/schema';
import { createMemoryStore } from '@chatkit/store/memory';
import { createIds, createScriptedServer, type ScriptedServer } from './interpreter.ts';
import type { Answer, Context, Json, Recording, Rows, Scenario } from './scenario.ts';

const ada: Context = { userId: 'ada' };

/** Runs every request. `expected` tells how many frames a request that is cut short sends before the cut. */
export const replay = async (
  scenario: Scenario,
  expected: Recording,
  store: Store<Context> = createMemoryStore(),
): Promise<Recording> => {
  const { threads = [], items = [], attachments = [] } = scenario.store ?? {};
  for (const thread of threads) await store.saveThread(threadMetadataSchema.parse(thread), ada);
  for (const item of items) await store.saveItem(item.thread_id, threadItemSchema.parse(item), ada);
  for (const attachment of attachments) await store.saveAttachment(attachmentSchema.parse(attachment), ada);
  const nextId = createIds(scenario.ids);

  const answers: Answer[] = [];
  for (const [index, { body, raw, context = ada, ...script }] of scenario.requests.entries()) {
    // One server a request: closing it is how a run that was cut short is known to have settled.
    const scripted = createScriptedServer({ scenario, store, nextId }, script);
    const text = raw ?? JSON.stringify(body);
    answers.push(await send(scripted, text, context, expected.answers[index] as Answer));
    await scripted.server.close({ graceMs: 1000 });
  }
  return { sdk: expected.sdk, answers, rows: await rowsOf(store, expected) };
};

const send = async (scripted: ScriptedServer, body: string, context: Context, expected: Answer): Promise<Answer> => {
  const { server, calls } = scripted;
  const request = new Request('http://localhost/chatkit', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  const response = await server.handle(request, context);
  const type = response.headers.get('content-type')?.split(';')[0];
  if (response.status !== 200) {
    const { error } = (await response.json()) as { error: { code: string } };
    return { refused: { status: response.status, code: error.code }, calls };
  }
  if (type === 'application/json') return { json: await response.text(), calls };
  if (type !== 'text/event-stream') throw new Error(`unexpected content-type ${type}`);
  if (expected.ended === undefined) return { sse: framesOf(await response.text()), calls };
  return { sse: await cutShort(response, scripted, expected), ended: expected.ended, calls };
};

/** Reads as many frames as are due, looks whether more are there, and goes away. */
const cutShort = async (response: Response, { waiting }: ScriptedServer, expected: Answer): Promise<string[]> => {
  const reader = (response.body as ReadableStream<Uint8Array<ArrayBuffer>>)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let text = '';
  const pump = (async () => {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
    }
  })().catch(() => {});
  if (expected.ended === 'cancelled') await waiting;
  while (framesOf(text).length < (expected.sse?.length ?? 0)) await setImmediate();
  await setImmediate();
  await reader.cancel();
  await pump;
  return framesOf(text);
};

/** Frames with their blank lines; whatever follows the last one is kept, so that joining them gives the bytes. */
const framesOf = (text: string): string[] => text.split(/(?<=\n\n)/).filter((frame) => frame !== '');

const rowsOf = async (store: Store<Context>, expected: Recording): Promise<Record<string, Rows>> => {
  const users = new Set(['ada', 'bob', ...Object.keys(expected.rows)]);
  const rows: Record<string, Rows> = {};
  for (const userId of users) {
    const context = { userId };
    const threads = await allOf((after) => store.listThreads({ limit: 100, order: 'asc', after }, context));
    const items: Record<string, Json[]> = {};
    for (const { id } of threads) {
      items[id] = await allOf((after) => store.listItems(id, { limit: 100, order: 'asc', after }, context));
    }
    const attachments: Json[] = [];
    for (const id of ['atc_1', 'atc_2', 'atc_3']) {
      const found = await store.loadAttachment(id, context).catch(() => undefined);
      if (found !== undefined) attachments.push(found);
    }
    rows[userId] = { threads, items, attachments };
  }
  return rows;
};

const allOf = async <T>(page: (after: string | undefined) => Promise<Page<T>>): Promise<T[]> => {
  const all: T[] = [];
  for (let after: string | undefined; ; ) {
    const { data, has_more, after: next } = await page(after);
    all.push(...data);
    if (!has_more) return all;
    after = next;
  }
};
