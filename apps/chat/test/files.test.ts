/** Visitors' files: announced, sent, shown to their visitor, and told to the model. */
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type Attachment, type ThreadMetadata, userMessage } from '@chatkit/core';
import { createMemoryStore } from '@chatkit/store/memory';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readAttached, toContent } from '../server/agent/attached.ts';
import type { Visitor } from '../server/anonymous-user.ts';
import { readConfig } from '../server/config.ts';
import { createApp } from '../server/create-app.ts';
import { createMemoryBox, type FileBox } from '../server/files/file-box.ts';
import { sizeOf } from '../server/files/file-kinds.ts';
import { forgetFiles } from '../server/files/forget-files.ts';
import { describeFiles } from '../server/offline/describe-files.ts';
import { createStaticFiles } from '../server/static-files.ts';
import { index } from './fixtures.ts';

const ada = { cookie: `chat_visitor=${'a'.repeat(22)}` };
const bob = { cookie: `chat_visitor=${'b'.repeat(22)}` };
const png = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 1, 2, 3]);

/** The ids of the files whose bytes are kept. */
const kept = new Set<string>();
const memory = createMemoryBox();
const box: FileBox = {
  ...memory,
  write: (visitor, id, bytes) => memory.write(visitor, id, bytes).then(() => void kept.add(id)),
  remove: (visitor, id) => memory.remove(visitor, id).then(() => void kept.delete(id)),
};

let base = '';
let port = 0;
/** What became of each request. */
const handled: Promise<void>[] = [];
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  const app = createApp({
    config: readConfig({ CHAT_PACE: '0' }, '.'),
    index,
    data: { store: createMemoryStore<Visitor>({ userOf: (visitor) => visitor.userId }), box },
    files: await createStaticFiles('nothing'),
    log: () => {},
  });
  const http = createServer((request, response) => void handled.push(app.handle(request, response)));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  port = (http.address() as AddressInfo).port;
  base = `http://127.0.0.1:${port}`;
  ends.push(
    () => app.close(),
    () => http.close(),
  );
});
afterAll(async () => {
  for (const end of ends) await end();
});

const post = (type: string, params: object, headers: Record<string, string> = ada) =>
  fetch(`${base}/chatkit`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ type, params }),
  });
const announce = async (name: string, mime_type: string, size: number): Promise<Attachment> =>
  (await post('attachments.create', { name, mime_type, size })).json();
const put = (id: string, body: Buffer, headers: Record<string, string> = ada) =>
  fetch(`${base}/files/${id}`, { method: 'PUT', headers, body: new Uint8Array(body) });
const get = (id: string, headers: Record<string, string> = ada) => fetch(`${base}/files/${id}`, { headers });

test('an image is shown to its visitor and to nobody else, and nothing in it runs', async () => {
  const image = await announce('a.png', 'image/png', png.length);
  expect(image).toMatchObject({
    type: 'image',
    preview_url: `/files/${image.id}`,
    upload_descriptor: { method: 'PUT' },
  });
  expect((await get(image.id)).status).toBe(404);
  expect((await put(image.id, png, bob)).status).toBe(404);
  expect((await put(image.id, png)).status).toBe(204);
  const shown = await get(image.id);
  expect(Buffer.from(await shown.arrayBuffer())).toEqual(png);
  expect(shown.headers.get('content-type')).toBe('image/png');
  expect(shown.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox");
  expect((await get(image.id, bob)).status).toBe(404);
  // What was taken once stays as it is.
  expect((await put(image.id, png)).status).toBe(409);
});

test('bytes that are not what was announced are refused', async () => {
  const image = await announce('a.png', 'image/png', 6);
  expect((await put(image.id, Buffer.from('<html>'))).status).toBe(415);
  const text = await announce('a.txt', 'text/plain', 5);
  expect((await put(text.id, Buffer.from('longer'))).status).toBe(415);
  expect((await put(text.id, Buffer.alloc(4_000_001))).status).toBe(413);
  expect((await put(text.id, Buffer.from('right'))).status).toBe(204);
  // Text is for the model: at our address it would be a page of somebody else's.
  expect((await get(text.id)).status).toBe(404);
});

test('a file whose upload breaks off is no error of the server, and can be sent again', async () => {
  const { id } = await announce('a.txt', 'text/plain', 5);
  const before = handled.length;
  const socket = connect(port, '127.0.0.1', () => {
    const head = `PUT /files/${id} HTTP/1.1\r\nhost: localhost\r\ncookie: ${ada.cookie}\r\ncontent-length: 5\r\n\r\n`;
    socket.write(`${head}rig`);
  });
  await vi.waitFor(() => expect(handled).toHaveLength(before + 1));
  socket.destroy();
  await expect(handled.at(-1)).resolves.toBeUndefined();
  expect((await put(id, Buffer.from('right'))).status).toBe(204);
});

test.each([
  ['big.png', 'image/png', 4_000_001, 413, 'big.png has 4 MB; a file may have 4 MB.'],
  ['huge.png', 'image/png', 12_345_678, 413, 'huge.png has 12 MB; a file may have 4 MB.'],
  ['none.txt', 'text/plain', 0, 400, 'none.txt is empty.'],
  ['a.zip', 'application/zip', 10, 415, 'a.zip is no image, text or PDF, which is what can be attached.'],
])('%s is refused in words', async (name, mime_type, size, status, message) => {
  const response = await post('attachments.create', { name, mime_type, size });
  expect(response.status).toBe(status);
  expect(await response.json()).toMatchObject({ error: { message } });
});

test('a file that is removed is gone, and a stranger removes nothing', async () => {
  const image = await announce('a.png', 'image/png', png.length);
  await put(image.id, png);
  await post('attachments.delete', { attachment_id: image.id }, bob);
  expect((await get(image.id)).status).toBe(200);
  await post('attachments.delete', { attachment_id: image.id });
  expect((await get(image.id)).status).toBe(404);
});

const ask = async (thread: string | undefined, attachments: string[]): Promise<string> => {
  const input = { content: [{ type: 'input_text', text: 'Look' }], attachments, inference_options: {} };
  const response = await (thread === undefined
    ? post('threads.create', { input })
    : post('threads.add_user_message', { thread_id: thread, input }));
  const said = await response.text();
  return thread ?? /"(thr_[0-9a-f]+)"/.exec(said)?.[1] ?? '';
};
const sent = async (): Promise<string> => {
  const { id } = await announce('a.png', 'image/png', png.length);
  await put(id, png);
  return id;
};

test('the files of a conversation go with it, also those of its first pages, and no others', async () => {
  const [first, second, other] = [await sent(), await sent(), await sent()];
  const thread = await ask(undefined, [first]);
  for (let turn = 0; turn < 60; turn += 1) await ask(thread, []);
  await ask(thread, [second]);
  await ask(undefined, [other]);
  await post('threads.delete', { thread_id: thread }, bob);
  expect((await get(first)).status).toBe(200);
  await post('threads.delete', { thread_id: thread });
  expect(await Promise.all([first, second, other].map(async (id) => (await get(id)).status))).toEqual([404, 404, 200]);
  expect([first, second, other].map((id) => kept.has(id))).toEqual([false, false, true]);
  // Nothing is left of it, so this is no error.
  expect((await post('threads.delete', { thread_id: thread })).status).toBe(200);
});

test('the files of a message go with it when an earlier one is answered anew', async () => {
  const [first, second] = [await sent(), await sent()];
  const thread = await ask(undefined, [first]);
  await ask(thread, [second]);
  const { data } = await (await post('items.list', { thread_id: thread, order: 'asc' })).json();
  await (await post('threads.retry_after_item', { thread_id: thread, item_id: data[0].id })).text();
  expect([first, second].map((id) => kept.has(id))).toEqual([true, false]);
  expect((await get(second)).status).toBe(404);
});

test('the files of a message go with it when it is deleted by itself, and stay when that is undone', async () => {
  const visitor: Visitor = { userId: 'ada' };
  const gone: string[] = [];
  const files = {
    createAttachment: () => Promise.reject(new Error('none is announced')),
    deleteAttachment: async (id: string) => void gone.push(id),
  };
  const store = forgetFiles(createMemoryStore<Visitor>(), files);
  await store.saveThread(
    { id: 'thr_1', created_at: new Date(0).toISOString(), metadata: {} } as ThreadMetadata,
    visitor,
  );
  for (const id of ['msg_1', 'msg_2'])
    await store.saveItem(
      'thr_1',
      userMessage({ id, thread_id: 'thr_1', attachments: [file(id, 'text/plain')] }),
      visitor,
    );
  const undone = store.transaction(async (inner) => {
    await inner.deleteItem('thr_1', 'msg_1', visitor);
    throw new Error('no');
  }, visitor);
  await expect(undone).rejects.toThrow('no');
  expect(gone).toEqual([]);
  await store.deleteItem('thr_1', 'msg_1', visitor);
  expect(gone).toEqual(['atc_1']);
  await store.transaction((inner) => inner.deleteItem('thr_1', 'msg_2', visitor), visitor);
  expect(gone).toEqual(['atc_1', 'atc_1']);
});

const file = (name: string, type: string): Attachment => ({ type: 'file', id: 'atc_1', name, mime_type: type });

test('what the model is told can be read again', () => {
  const [content] = toContent(file('a.md', 'text/markdown'), Buffer.from('# One\n\ntwo'));
  const text = content?.type === 'input_text' ? content.text : '';
  expect(readAttached(text)).toEqual({ name: 'a.md', type: 'text/markdown', size: 10, text: '# One\n\ntwo' });
  const image = toContent({ ...file('a.png', 'image/png'), type: 'image', preview_url: '/x' }, png);
  expect(image.map(({ type }) => type)).toEqual(['input_text', 'input_image']);
  expect(readAttached('What is a stream?')).toBeUndefined();
  expect(readAttached('Attached file: none')).toBeUndefined();
  for (const value of [null, 1, {}, { name: 1, type: 'a' }, { name: 'a' }, { name: 'a', type: 'b', size: '1' }])
    expect(readAttached(`Attached file: ${JSON.stringify(value)}`)).toBeUndefined();
});

test('without a model, a file is named and the beginning of a text is quoted, whatever is in it', () => {
  const text = `\`\`\`\n${'line\n'.repeat(20)}`;
  const said = describeFiles([{ name: 'a`b.md', type: 'text/markdown', size: 1_234, text }], 'What is it?');
  expect(said).toContain("I got `a'b.md` (text/markdown, 1.2 kB).");
  expect(said).toContain('It begins:\n\n````md\n```\nline\n');
  expect(said.match(/^line$/gm)).toHaveLength(7);
  expect(said).toContain('Ask your question without a file');
  const two = describeFiles(
    [
      { name: 'a.png', type: 'image/png', text: '' },
      { name: 'b.txt', type: 'text/plain', size: 2, text: 'hi' },
    ],
    '',
  );
  expect(two).toContain('- `a.png` (image/png, its bytes are gone)\n- `b.txt` (text/plain, 2 bytes)');
  expect(two).toContain('`b.txt` says:\n\n```txt\nhi\n```');
});

test.each([
  [999, '999 bytes'],
  [1_234, '1.2 kB'],
  [56_789, '57 kB'],
  [4_000_000, '4 MB'],
])('%i bytes are %s', (bytes, said) => {
  expect(sizeOf(bytes)).toBe(said);
});
