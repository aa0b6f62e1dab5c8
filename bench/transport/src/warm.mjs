// node src/warm.mjs [--events=50000] [--conns=1] [--rounds=24] <candidate>[@<root of another checkout>] …
// CPU per event of one server process after the other, in turn, in processes that go on from round to round: what an event costs in
// a server that has been up for a while (`warm`: the later two thirds of the rounds), beside what the first ones cost, in which V8
// compiles. With `@root` the same candidate of another checkout is one more column: the way to compare a change.
import { fork } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { args, startClient } from './orch.mjs';

const options = args();
const events = +(options.events ?? 50_000);
const conns = +(options.conns ?? 1);
const rounds = +(options.rounds ?? 24);

const start = async (name) => {
  const [candidate, root] = name.split('@');
  const here = fileURLToPath(new URL('server.mjs', import.meta.url));
  const child = fork(root === undefined ? here : `${root}/bench/transport/src/server.mjs`, [candidate]);
  const { port, transport } = await new Promise((resolve) => child.once('message', resolve));
  return { name, child, port, transport, perEvent: [] };
};
const cpu = ({ child }) =>
  new Promise((resolve) => {
    child.once('message', (answer) => resolve(answer.cpu.user + answer.cpu.system));
    child.send({ cmd: 'stat' });
  });
const read = ({ port }) =>
  new Promise((resolve, reject) => {
    const request = http.get({ port, path: `/?mode=fast&n=${events}`, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
      response.resume();
      response.on('end', resolve);
    });
    request.on('error', reject);
  });

const client = startClient();
/** One round. The harness's own client has the handshake of a WebSocket. */
const round = ({ port, transport }) =>
  transport === 'sse'
    ? Promise.all(Array.from({ length: conns }, () => read({ port })))
    : client.call({ mode: 'throughput', args: { port, transport, conns, n: events } });

const servers = await Promise.all(options._.map(start));
for (let n = 0; n < rounds; n += 1)
  for (const server of servers) {
    const before = await cpu(server);
    await round(server);
    server.perEvent.push(((await cpu(server)) - before) / events / conns);
  }

const at = (values, part) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * part)];
console.log(`µs of CPU per event, ${conns} connection(s) × ${events} events, ${rounds} rounds`);
for (const { name, child, perEvent } of servers) {
  const warm = perEvent.slice(Math.floor(rounds / 3));
  const [first, least, quarter, median] = [perEvent[0], at(warm, 0), at(warm, 0.25), at(warm, 0.5)].map((value) =>
    value.toFixed(2),
  );
  console.log(`${name.padEnd(36)} first ${first}  warm: least ${least}  quarter ${quarter}  median ${median}`);
  child.disconnect();
}
client.p.disconnect();
