// The demo over real sockets, as a process of its own: how long the first token takes, and a stop to reach the model.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { createChatClient } from '@chatkit/client';

const main = fileURLToPath(new URL('../../apps/chat/server/main.ts', import.meta.url));
const docs = fileURLToPath(new URL('../../apps/chat/test/e2e/docs/', import.meta.url));
const question = 'What happens when a client disconnects?';

const startDemo = async (env) => {
  const child = spawn(process.execPath, [main], {
    env: { PATH: process.env.PATH, PORT: '0', CHAT_DATABASE: ':memory:', CHAT_DOCS: docs, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      const port = /localhost:(\d+)/.exec(String(data))?.[1];
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`);
    });
    child.on('exit', () => reject(new Error('the demo ended')));
  });
  return { url, stop: () => new Promise((resolve) => child.on('exit', resolve).kill('SIGTERM')) };
};

/** A visitor: the cookie of the page, sent with every request, as a browser would. */
const visit = async (url) => {
  const cookie = (await fetch(url)).headers.get('set-cookie')?.split(';')[0] ?? '';
  return createChatClient({ url: `${url}/chatkit`, extensions: true, headers: { cookie } });
};

const spread = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return { p50: at(0.5), p95: at(0.95), max: sorted.at(-1), n: sorted.length };
};

/** Milliseconds from the question to the first token of a thought and of the answer, without a model. */
export const measureFirstToken = async ({ rounds = 30, pace = '45' } = {}) => {
  const demo = await startDemo({ CHAT_PACE: pace });
  const [thought, text] = [[], []];
  for (let round = 0; round < rounds + 1; round += 1) {
    const client = await visit(demo.url);
    const asked = performance.now();
    let seenThought;
    let seenText;
    for await (const event of client.send(question)) {
      if (event.type !== 'thread.item.updated') continue;
      if (event.update.type === 'workflow.task.added') seenThought ??= performance.now() - asked;
      if (event.update.type === 'assistant_message.content_part.text_delta') {
        seenText = performance.now() - asked;
        break;
      }
    }
    await client.stop();
    thought.push(seenThought);
    text.push(seenText);
  }
  await demo.stop();
  // The first question of a process runs code that nothing has run before.
  return {
    cold: { thought: thought[0], text: text[0] },
    thought: spread(thought.slice(1)),
    text: spread(text.slice(1)),
  };
};

/** Milliseconds from `client.stop()` to the moment at which the model's server sees its request gone. */
export const measureStop = async ({ rounds = 50 } = {}) => {
  let gone = () => {};
  const model = createServer((request, response) => {
    request.resume();
    response.on('close', () => gone(performance.now()));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const write = () => {
      if (response.destroyed) return;
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'word ' } }] })}\n\n`);
      setTimeout(write, 10);
    };
    write();
  });
  await new Promise((resolve) => model.listen(0, '127.0.0.1', resolve));
  const demo = await startDemo({
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: `http://127.0.0.1:${model.address().port}/v1`,
    OPENAI_MODEL: 'm',
  });
  const times = [];
  let late = 0;
  for (let round = 0; round < rounds + 3; round += 1) {
    const client = await visit(demo.url);
    const closed = new Promise((resolve) => {
      gone = resolve;
    });
    const run = client.send(question);
    let events = 0;
    for await (const event of run) {
      if (event.type === 'thread.item.updated' && ++events > 5) break;
    }
    const clicked = performance.now();
    const stopping = client.stop();
    times.push((await closed) - clicked);
    await stopping;
    await run.done;
    const text = () => JSON.stringify(client.getSnapshot().items);
    const atTheEnd = text();
    await new Promise((resolve) => setTimeout(resolve, 30));
    if (text() !== atTheEnd) late += 1;
  }
  await demo.stop();
  model.closeAllConnections();
  model.close();
  return { ...spread(times.slice(3)), late };
};
