// A store that fails in front of a request and in the middle of a run: the request gets an envelope without a word of the database,
// the run ends with a code, the thread is one that could have been streamed, and the next message works.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Store, ThreadStreamEvent } from '@chatkit/core';
import { createChatKitServer } from '@chatkit/server';
import { toNodeHandler } from '@chatkit/server/node';
import { createPostgresStore } from '@chatkit/store/postgres';
import { createSqliteStore } from '@chatkit/store/sqlite';
import { decodeSse } from '@chatkit/transport';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { startPostgres } from '../../packages/store/test/postgres-server.ts';

type User = { userId: string };
const ada: User = { userId: 'ada' };

/** So much that it does not fit into what is left of the pages that a full file has. */
const long = ' and so on'.repeat(2_000);

/** A store, and a fault that lasts until the returned function is called. */
interface Subject {
  readonly store: Store<User>;
  breakIt(): Promise<() => Promise<void> | void>;
}

const postgres = await startPostgres();
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => postgres?.stop());

const sqliteFile = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chatkit-store-faults-'));
  ends.push(() => rmSync(folder, { recursive: true }));
  return join(folder, 'chat.db');
};

const subjects: Record<string, () => Promise<Subject>> = {
  'SQLite, the disk is full': async () => {
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    const store = createSqliteStore<User>({ path: sqliteFile() });
    const writer = exec.mock.contexts[0] as DatabaseSync;
    exec.mockRestore();
    ends.push(() => store.close());
    return {
      store,
      async breakIt() {
        writer.exec('PRAGMA max_page_count = 1');
        return () => writer.exec('PRAGMA max_page_count = 1000000');
      },
    };
  },
  'SQLite, another process has it': async () => {
    const path = sqliteFile();
    const store = createSqliteStore<User>({ path, busyTimeoutMs: 30 });
    ends.push(() => store.close());
    return {
      store,
      async breakIt() {
        const other = new DatabaseSync(path);
        other.exec('BEGIN IMMEDIATE');
        return () => other.close();
      },
    };
  },
};
if (postgres !== undefined) {
  subjects['PostgreSQL, no connection is free'] = async () => {
    const client = new pg.Pool({ connectionString: postgres.url, max: 2 });
    ends.push(() => client.end());
    await createPostgresStore<User>({ client }).listThreads({ limit: 1, order: 'asc' }, ada);
    const store = createPostgresStore<User>({ client, connectTimeoutMs: 300 });
    return {
      store,
      async breakIt() {
        const held = [await client.connect(), await client.connect()];
        return () => {
          for (const each of held) each.release();
        };
      },
    };
  };
}

/** A server whose answers break the store when they are half told. */
const serve = async ({ store, breakIt }: Subject) => {
  let mend: (() => Promise<void> | void) | undefined;
  const repair = async (): Promise<void> => {
    await mend?.();
    mend = undefined;
  };
  ends.push(repair);
  const kept: unknown[] = [];
  const server = createChatKitServer<User>({
    store,
    onError: (error) => kept.push(error),
    async *respond(thread, input): AsyncGenerator<ThreadStreamEvent> {
      const item = {
        type: 'assistant_message' as const,
        id: `answer_${kept.length}_${input?.id ?? ''}`,
        thread_id: thread.id,
        created_at: new Date().toISOString(),
        content: [],
      };
      yield { type: 'thread.item.added', item };
      if (JSON.stringify(input?.content).includes('break')) mend = await breakIt();
      yield {
        type: 'thread.item.done',
        item: { ...item, content: [{ type: 'output_text', text: `Done${long}`, annotations: [] }] },
      };
    },
  });
  const http = createServer(toNodeHandler(server, { context: () => ada }));
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done));
  ends.push(async () => {
    await server.close();
    http.closeAllConnections();
    await new Promise((done) => http.close(done));
  });
  const { port } = http.address() as AddressInfo;
  const post = (type: string, params: object) =>
    fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'chatkit-client': '1' },
      body: JSON.stringify({ type, params }),
    });
  const say = (text: string, thread_id?: string) => {
    const input = { content: [{ type: 'input_text', text: text + long }], attachments: [], inference_options: {} };
    return thread_id === undefined
      ? post('threads.create', { input })
      : post('threads.add_user_message', { thread_id, input });
  };
  const breakNow = async (): Promise<void> => {
    mend = await breakIt();
  };
  return { store, post, say, kept, repair, breakNow };
};

/** What a stream said, and how it ended. */
const read = async (response: Response): Promise<{ events: ThreadStreamEvent[]; end: string | undefined }> => {
  const events: ThreadStreamEvent[] = [];
  let end: string | undefined;
  for await (const frame of decodeSse(response.body as ReadableStream<Uint8Array>)) {
    if (frame.event === 'end') end = JSON.parse(frame.data ?? '{}').outcome;
    else if (frame.data) events.push(JSON.parse(frame.data));
  }
  return { events, end };
};

describe.each(Object.entries(subjects))('%s', (_, make) => {
  test('a request is answered with an envelope, and works again afterwards', async () => {
    const chat = await serve(await make());
    const first = await read(await chat.say('hello'));
    expect(first.end).toBe('completed');
    const thread = first.events.find((event) => event.type === 'thread.created')?.thread.id as string;
    const before = await chat.store.listItems(thread, { limit: 50, order: 'asc' }, ada);

    await chat.breakNow();
    for (const refused of [
      await chat.say('lost', thread),
      await chat.say('lost'),
      await chat.post('threads.update', { thread_id: thread, title: `lost${long}` }),
    ]) {
      expect(refused.status).toBe(500);
      const body = await refused.text();
      expect(JSON.parse(body)).toEqual({
        error: { code: 'internal', message: 'Something went wrong on the server.', retryable: true },
      });
    }
    expect(chat.kept.length).toBeGreaterThanOrEqual(3);
    await chat.repair();

    expect(await chat.store.listItems(thread, { limit: 50, order: 'asc' }, ada)).toEqual(before);
    expect(
      (await chat.store.listThreads({ limit: 50, order: 'asc' }, ada)).data.filter(({ id }) => id === thread),
    ).toHaveLength(1);
    expect((await read(await chat.say('again', thread))).end).toBe('completed');
  });

  test('a run ends with a code, nothing half stored, and the next message works', async () => {
    const chat = await serve(await make());
    const broken = await read(await chat.say('break it'));
    expect(broken.end).toBe('failed');
    expect(broken.events).toContainEqual({ type: 'error', code: 'stream.error', allow_retry: true });
    // Nobody was told that an item is there which is not.
    expect(
      broken.events.filter((event) => event.type === 'thread.item.done' && event.item.type === 'assistant_message'),
    ).toEqual([]);
    await chat.repair();
    const thread = broken.events.find((event) => event.type === 'thread.created')?.thread.id as string;
    const { data } = await chat.store.listItems(thread, { limit: 50, order: 'asc' }, ada);
    expect(data.map(({ type }) => type)).toEqual(['user_message']);
    const next = await read(await chat.say('hello', thread));
    expect(next.end).toBe('completed');
  });
});
