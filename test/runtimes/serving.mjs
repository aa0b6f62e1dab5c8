// Starts the chat server of chat-app.ts in a runtime and asks it from outside: events one by one, a client that leaves, a
// WebSocket, a run that is resumed.
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeSseJson } from '@chatkit/transport';
import { openWebSocket } from '@chatkit/transport/ws';
import { freePort } from '../../apps/cluster/server/free-port.ts';

/** How each runtime serves it. */
const mains = {
  node: (port) => `
    import { createServer } from 'node:http';
    import { WebSocketServer } from 'ws';
    import { toNodeHandler } from '@chatkit/server/node';
    import { serveWebSocket } from '@chatkit/transport/ws';
    import { answer, chat } from './test/runtimes/chat-app.ts';
    const handler = toNodeHandler(chat);
    const server = createServer(async (request, response) => {
      if (request.url !== '/state') return handler(request, response);
      response.end(await (await answer(new Request('http://localhost/state'))).text());
    }).listen(${port}, '127.0.0.1');
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) =>
      serveWebSocket(socket, (request) => chat.reply(request, undefined)));`,
  bun: (port) => `
    import crossws from 'crossws/adapters/bun';
    import { createCrosswsHooks } from '@chatkit/transport/ws';
    import { answer, chat } from './test/runtimes/chat-app.ts';
    const sockets = crossws({ hooks: createCrosswsHooks((request) => chat.reply(request, undefined), { allowedOrigins: [], allowMissingOrigin: true }) });
    Bun.serve({ port: ${port}, hostname: '127.0.0.1', idleTimeout: 0, websocket: sockets.websocket, fetch: (request, server) =>
      request.headers.get('upgrade') === 'websocket' ? sockets.handleUpgrade(request, server) : answer(request) });`,
  deno: (port) => `
    import { serveWebSocket } from '@chatkit/transport/ws';
    import { answer, chat } from './test/runtimes/chat-app.ts';
    Deno.serve({ port: ${port}, hostname: '127.0.0.1', onListen() {} }, (request) => {
      if (request.headers.get('upgrade') !== 'websocket') return answer(request);
      const { socket, response } = Deno.upgradeWebSocket(request, { protocol: 'chatkit.v1' });
      serveWebSocket(socket, (asked) => chat.reply(asked, undefined));
      return response;
    });`,
  workerd: () => `
    import { serveWebSocket } from '@chatkit/transport/ws';
    import { answer, chat } from './test/runtimes/chat-app.ts';
    export default { async fetch(request, env, ctx) {
      const waitUntil = (work) => ctx.waitUntil(work);
      if (request.headers.get('upgrade') !== 'websocket') return answer(request, waitUntil);
      const [client, server] = Object.values(new WebSocketPair());
      server.accept();
      serveWebSocket(server, (asked) => chat.reply(asked, undefined, { waitUntil }));
      return new Response(null, { status: 101, webSocket: client, headers: { 'sec-websocket-protocol': 'chatkit.v1' } });
    } };`,
};

const nodeBanner = {
  platform: 'node',
  banner: { js: `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);` },
};

/** Starts it, runs the cases, ends it. Answers as the other suites do. */
export async function askServer({ name, program, folder, bundle }) {
  const kind = name.startsWith('node') ? 'node' : name;
  const port = await freePort();
  const file = await bundle(`${name}-chat.mjs`, mains[kind](port), kind === 'node' ? nodeBanner : {});
  let args = [file];
  if (kind === 'deno') args = ['run', '-A', '--no-check', '--quiet', file];
  if (kind === 'workerd') {
    const config = path.join(folder, 'serve.capnp');
    await writeFile(
      config,
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")]);
const main :Workerd.Worker = (modules = [(name = "worker", esModule = embed "${path.basename(file)}")],
  compatibilityDate = "2026-09-01");`,
    );
    args = ['serve', config];
  }
  const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const pipe of [child.stdout, child.stderr])
    pipe.on('data', (data) => {
      output += data;
    });
  try {
    await until(async () => (await fetch(`http://127.0.0.1:${port}/state`)).ok);
    return await runCases(cases, port, () => output);
  } catch (error) {
    return { code: 1, output: `${error}\n${output}` };
  } finally {
    child.kill('SIGKILL');
  }
}

/** Runs the cases one after another. `output` is what the server has said, for when one fails. */
export async function runCases(each, subject, output) {
  const failures = [];
  let passed = 0;
  for (const [title, run] of Object.entries(each)) {
    try {
      await within(15_000, run(subject));
      passed += 1;
    } catch (error) {
      failures.push(`${title}\n    ${error?.stack ?? error}`);
    }
  }
  const report = `${passed} passed, ${failures.length} failed, 0 skipped`;
  return {
    code: failures.length,
    output: [report, ...failures, ...(failures.length > 0 ? [output()] : [])].join('\n'),
  };
}

const ask = (text) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    type: 'threads.create',
    params: { input: { content: [{ type: 'input_text', text }], attachments: [], inference_options: {} } },
  }),
});
const isDelta = ({ value }) => value?.type === 'thread.item.updated';
const states = async (port) => (await fetch(`http://127.0.0.1:${port}/state`)).json();
const lastState = async (port) => (await states(port)).at(-1);

/** At 40 ms each long enough for a client that gets no turn on a busy machine for a while. */
const wanted = 30;

const streamsFrom = async (port, fetchFrom) => {
  const response = await fetchFrom('/', ask(String(wanted)));
  check(response.status === 200, `status ${response.status}`);
  const types = [];
  let deltas = 0;
  for await (const frame of decodeSseJson(response.body)) {
    types.push(frame.value?.type);
    if (isDelta(frame) && ++deltas === 1) {
      const { made } = await lastState(port);
      check(made < wanted - 1, `the first token came when ${made} of ${wanted} had been made`);
    }
  }
  check(deltas === wanted, `${deltas} of ${wanted} tokens`);
  check(types[0] === 'thread.created' && types.at(-1) === 'thread.item.done', types.join());
  check((await lastState(port)).finallyRuns === 1, 'finally did not run once');
};

const leavesFrom = async (port, fetchFrom) => {
  const leave = new AbortController();
  const response = await fetchFrom('/', { ...ask('1000'), signal: leave.signal });
  for await (const frame of decodeSseJson(response.body)) if (isDelta(frame)) break;
  leave.abort();
  await until(async () => (await lastState(port)).finallyRuns === 1);
  const { aborted, made } = await lastState(port);
  check(aborted, 'the signal did not abort');
  check(made < 100, `${made} made`);
};

const overHttp = (port) => (to, init) => fetch(`http://127.0.0.1:${port}${to}`, init);
const overSocket = async (port, run) => {
  const connection = openWebSocket(`ws://127.0.0.1:${port}/`);
  try {
    await run(port, connection.fetch);
  } finally {
    connection.close();
  }
};

const cases = {
  'events come one by one': (port) => streamsFrom(port, overHttp(port)),
  'a client that leaves stops the answer': (port) => leavesFrom(port, overHttp(port)),
  'events come one by one over a WebSocket': (port) => overSocket(port, streamsFrom),
  'a client that leaves a run of a WebSocket stops the answer': (port) => overSocket(port, leavesFrom),
  async 'a client that was cut off resumes'(port) {
    const { headers, ...rest } = ask('10');
    const resumable = { ...headers, 'chatkit-client': '1', 'chatkit-run-id': 'resumed' };
    let last;
    const text = [];
    const read = async (response, enough) => {
      for await (const frame of decodeSseJson(response.body)) {
        if (frame.id !== undefined) last = frame.id;
        if (isDelta(frame)) text.push(frame.value.update.delta);
        if (frame.event === 'end') return true;
        if (enough(text.length)) return false;
      }
      return false;
    };
    await read(await overHttp(port)('/', { ...rest, headers: resumable }), (count) => count === 3);
    const again = await overHttp(port)(`/?run=resumed&after=${last}`, { headers: { 'chatkit-client': '1' } });
    check(again.status === 200, `status ${again.status}: ${again.status === 200 ? '' : await again.text()}`);
    check(await read(again, () => false), 'no end');
    const expected = Array.from({ length: 10 }, (_, at) => `token ${at + 1}. `).join('');
    check(text.join('') === expected, text.join(''));
  },
  async 'what cannot be served is refused with a status'(port) {
    const { status } = await overHttp(port)('/', { ...ask('1'), body: '{' });
    check(status === 400, `status ${status}`);
  },
};

export function check(holds, message) {
  if (!holds) throw new Error(message);
}

export async function until(holds) {
  for (const end = Date.now() + 10_000; ; ) {
    if (
      await Promise.resolve()
        .then(holds)
        .catch(() => false)
    )
      return;
    if (Date.now() > end) throw new Error('not within 10 s');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function within(ms, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
