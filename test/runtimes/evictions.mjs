// The Worker of docs/guides/deploy.md, as it stands there, in workerd: what is left of a conversation when its Durable Object is
// evicted or the process killed, before, in the middle of and after an answer.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createChatClient } from '@chatkit/client';
import { decodeSseJson } from '@chatkit/transport';
import { freePort } from '../../apps/cluster/server/free-port.ts';
import { objectConfig } from './objects.mjs';
import { check, runCases, until } from './serving.mjs';

const guide = path.join(import.meta.dirname, '../../docs/guides/deploy.md');

/** The code and the configuration of the guide. */
const readGuide = async () => {
  const text = (await readFile(guide, 'utf8')).replace(/^[\s\S]*?On Cloudflare, /, '');
  const [, code] = /^```ts\n([\s\S]*?)^```$/m.exec(text);
  const [, json] = /^```json\n([\s\S]*?)^```$/m.exec(text);
  return { code, config: JSON.parse(json) };
};

/** What the guide leaves to its reader. The text of a question is the number of its tokens; past 1,000, the length of the answer. */
const readersOwn = `
  import { assistantMessage, itemAdded, itemDone, textDelta } from '@chatkit/core';
  const userOf = async (request: Request) => request.headers.get('x-user') ?? 'nobody';
  async function* respond(thread, input) {
    const item = assistantMessage({ thread_id: thread.id });
    const wanted = Number(input.content[0].text);
    yield itemAdded(item);
    for (let made = 0; wanted <= 1_000 && made < wanted; made += 1) {
      yield textDelta(item.id, 'token ' + (made + 1) + '. ');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const text = wanted > 1_000 ? 'x'.repeat(wanted) : 'all ' + wanted;
    yield itemDone({ ...item, content: [{ type: 'output_text', text, annotations: [] }] });
  }`;

/** The guide's Worker, with means to evict its object from outside. */
const withEvictions = (code) => `
  ${code.replace('export class Chat ', 'class Guide ')}
  ${readersOwn}
  export class Chat extends Guide {
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === '/ready') return new Response();
      if (pathname === '/evict') this.ctx.abort('evicted');
      if (pathname === '/half') await createDurableObjectStore({ storage: this.ctx.storage }).transaction(async (store) => {
        const at = { created_at: new Date().toISOString(), thread_id: 'half' };
        await store.saveThread({ id: 'half', ...at, status: { type: 'active' }, metadata: {} }, 'ada');
        await store.saveItem('half', { type: 'end_of_turn', id: 'end', ...at }, 'ada');
        this.ctx.abort('evicted');
      }, 'ada');
      return super.fetch(request);
    }
  }`;

/** Starts it, runs the cases, ends it. Answers as the other suites do. */
export async function askGuide({ program, folder, bundle }) {
  const disk = await mkdtemp(path.join(folder, 'disk-'));
  const { code, config } = await readGuide();
  const script = path.basename(await bundle('guide.mjs', withEvictions(code)));
  const port = await freePort();
  const { bindings } = config.durable_objects;
  const sqlite = config.migrations.flatMap((each) => each.new_sqlite_classes ?? []);
  await writeFile(
    path.join(folder, 'guide.capnp'),
    objectConfig({
      script,
      disk,
      port,
      date: config.compatibility_date,
      classes: Object.fromEntries(bindings.map((each) => [each.name, each.class_name])),
      withoutSql: bindings.find((each) => !sqlite.includes(each.class_name))?.name,
    }),
  );
  let child;
  let output = '';
  const start = async () => {
    child = spawn(program, ['serve', 'guide.capnp'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const pipe of [child.stdout, child.stderr])
      pipe.on('data', (data) => {
        output += data;
      });
    await until(async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok);
  };
  const kill = async () => {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await start();
    const host = {
      url: `http://127.0.0.1:${port}/`,
      evict: () => fetch(`http://127.0.0.1:${port}/evict`, { headers: user }).then((response) => response.text()),
      half: () => fetch(`http://127.0.0.1:${port}/half`, { headers: user }).then((response) => response.text()),
      async restart() {
        await kill();
        await start();
      },
    };
    return await runCases(cases, host, () => output);
  } catch (error) {
    return { code: 1, output: `${error?.stack}\n${output}` };
  } finally {
    await kill();
  }
}

const user = { 'x-user': 'ada' };
const headers = { ...user, 'content-type': 'application/json' };
const post = ({ url }, request, extra = {}) =>
  fetch(url, { method: 'POST', headers: { ...headers, ...extra }, body: JSON.stringify(request) });
const inputOf = (text) => ({
  content: [{ type: 'input_text', text: String(text) }],
  attachments: [],
  inference_options: {},
});
const create = (text) => ({ type: 'threads.create', params: { input: inputOf(text) } });
const add = (thread_id, text) => ({ type: 'threads.add_user_message', params: { thread_id, input: inputOf(text) } });

/** What is read of an answer until `enough` of its events, its end or the end of its connection. */
const read = async (response, enough = () => false) => {
  check(response.status === 200, `status ${response.status}`);
  const events = [];
  let last;
  try {
    for await (const { id, event, value } of decodeSseJson(response.body)) {
      last = id ?? last;
      if (event === 'end') return { events, last, end: value };
      if (value !== undefined) events.push(value);
      if (enough(events)) return { events, last };
    }
  } catch {
    // The connection was cut.
  }
  return { events, last };
};
const deltaText = (events) => events.map((each) => each.update?.delta ?? '').join('');
const deltas = (events) => events.filter((each) => each.type === 'thread.item.updated').length;
const threadIn = (events) => events.find((each) => each.type === 'thread.created').thread.id;
const textOf = (item) => item.content[0].text;
const stored = async (host, thread_id) => {
  const params = { thread_id, limit: 50, order: 'asc' };
  const response = await post(host, { type: 'items.list', params });
  check(response.status === 200, `status ${response.status}`);
  return (await response.json()).data.map(textOf).join();
};
const askWhole = async (host, request) => (await read(await post(host, request))).events;

const survives = (away) => async (host) => {
  const thread = threadIn(await askWhole(host, create(3)));
  await away(host);
  check((await stored(host, thread)) === '3,all 3', await stored(host, thread));
  const list = await post(host, { type: 'threads.list', params: { limit: 50, order: 'desc' } });
  check((await list.json()).data[0].id === thread, 'not the first of the list');
  await askWhole(host, add(thread, 2));
  check((await stored(host, thread)) === '3,all 3,2,all 2', await stored(host, thread));
};

/** An answer whose object goes away in the middle: its reader comes back to its end, and its text is kept. */
const isEnded = (away) => async (host) => {
  const runId = `run_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
  let gone;
  const { events, last, end } = await read(
    await post(host, create(500), { 'chatkit-client': '1', 'chatkit-run-id': runId }),
    (so) => {
      if (deltas(so) === 40) gone ??= away(host);
      return false;
    },
  );
  await gone;
  check(end === undefined && deltas(events) < 500, 'the answer came to its end');
  const attach = async (after = '') =>
    read(await fetch(`${host.url}?run=${runId}${after}`, { headers: { ...user, 'chatkit-client': '1' } }));
  const rest = await attach(`&after=${encodeURIComponent(last)}`);
  check(rest.end?.outcome === 'interrupted', `end ${JSON.stringify(rest.end)}`);
  check(rest.events[0].type === 'error' && rest.events[0].code === 'run.interrupted', JSON.stringify(rest.events[0]));
  const whole = await attach();
  check(whole.end?.outcome === 'interrupted', `end ${JSON.stringify(whole.end)}`);
  const text = deltaText(whole.events);
  // The last quarter of a second is not there, and all before it is: 40 tokens took 800 ms.
  check(deltaText(events).startsWith(text) && text.includes('token 20.'), `${text} of ${deltaText(events)}`);
  const thread = threadIn(events);
  check((await stored(host, thread)) === `500,${text}`, `${await stored(host, thread)} instead of ${text}`);
  await askWhole(host, add(thread, 2));
  check((await stored(host, thread)) === `500,${text},2,all 2`, await stored(host, thread));
};

const cases = {
  'a conversation outlives its object': survives((host) => host.evict()),
  'a conversation outlives the process': survives((host) => host.restart()),
  'an answer that was running is ended with its text by the next instance': isEnded((host) => host.evict()),
  'an answer that was running is ended with its text by the next process': isEnded((host) => host.restart()),
  async 'a page keeps what it has read, and has the question answered anew'(host) {
    const client = createChatClient({ url: host.url, headers: user });
    const texts = () => client.getSnapshot().items.map(textOf);
    client.send('60');
    await until(() => texts()[1]?.includes('token 30.'));
    await host.evict();
    await until(() => client.getSnapshot().status === 'idle');
    const { error, items, thread } = client.getSnapshot();
    check(error?.code === 'run.interrupted' && error.retryable, `error ${error?.code}`);
    check(items.length === 2 && textOf(items[1]).startsWith('token 1. token 2. token 3.'), texts().join());
    check((await stored(host, thread.id)) === texts().join(), await stored(host, thread.id));
    await client.retry().done;
    check(texts().join() === '60,all 60', texts().join());
    check((await stored(host, thread.id)) === '60,all 60', await stored(host, thread.id));
  },
  async 'a transaction that was open is not there'(host) {
    await host.half();
    const response = await post(host, { type: 'threads.get_by_id', params: { thread_id: 'half' } });
    check(response.status === 404, `status ${response.status}`);
  },
  async 'an item that no row can hold ends its run with a code, and the next message works'(host) {
    const events = await askWhole(host, create(2_500_000));
    const error = events.find((each) => each.type === 'error');
    check(error?.code === 'event.too_large' && error.allow_retry === false, JSON.stringify(error));
    const thread = threadIn(events);
    check((await stored(host, thread)) === '2500000', await stored(host, thread));
    await askWhole(host, add(thread, 2));
    check((await stored(host, thread)) === '2500000,2,all 2', await stored(host, thread));
  },
  async 'users are apart'(host) {
    const thread = threadIn(await askWhole(host, create(1)));
    const response = await post(
      host,
      { type: 'threads.get_by_id', params: { thread_id: thread } },
      { 'x-user': 'bob' },
    );
    check(response.status === 404, `status ${response.status}`);
  },
};
