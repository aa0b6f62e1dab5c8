// node src/together.mjs [--conns=350] [--seconds=6] [--rounds=6] <candidate>[@<root of another checkout>] …
// CPU per event at 20 events/s, all candidates at the same moments, each with its own process, client and connections.
// Whatever the machine does meanwhile meets all of them: in ten rounds the ratio of the server to the bare transport was
// between 1.15 and 1.23, where four passes in turn gave 1.04 to 1.31. Leave the machine idle for half of the time.
import { args, delay, startClient, startServer } from './orch.mjs';

const o = args();
const names = o._;
const settings = { conns: +(o.conns ?? 350), hz: 20, seconds: +(o.seconds ?? 6), settle: 4000 };
const used = new Map(names.map((name) => [name, []]));

const startOne = async (full) => {
  const [name, root] = full.split('@');
  const start = root === undefined ? startServer : (await import(`${root}/bench/transport/src/orch.mjs`)).startServer;
  const [server, client] = [await start(name), startClient()];
  const at = { port: server.port, transport: server.transport };
  // V8 compiles once per process; that is not the cost of an event.
  for (let i = 0; i < 5; i++) await client.call({ mode: 'verify', args: { ...at, n: 3000 } });
  await client.call({ mode: 'throughput', args: { ...at, conns: 20, n: 7500 } });
  return { full, server, client, at };
};

const measure = async ({ server, client, at }) => {
  const stats = {};
  client.on(async ({ phase, ack }) => {
    if (phase === undefined) return;
    stats[phase] = await server.call({ cmd: 'stat' });
    client.send({ ack });
  });
  await client.call({ mode: 'latency', args: { ...at, ...settings } });
  const { begin, end } = stats;
  const cpu = end.cpu.user + end.cpu.system - begin.cpu.user - begin.cpu.system;
  return cpu / (end.counters.produced - begin.counters.produced);
};

const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];

for (let round = 1; round <= +(o.rounds ?? 6); round++) {
  const candidates = await Promise.all(names.map(startOne));
  await delay(500);
  const us = await Promise.all(candidates.map(measure));
  for (const [i, { full, server, client }] of candidates.entries()) {
    used.get(full).push(us[i]);
    await client.stop();
    await server.stop();
  }
  console.log(`round ${round}  ${us.map((each, i) => `${names[i]} ${each.toFixed(1)}`).join('  ')}`);
}
const first = used.get(names[0]);
for (const [name, all] of used) {
  const ratio = median(all.map((each, i) => each / first[i]));
  console.log(`${name.padEnd(28)} ${median(all).toFixed(1)} µs an event, ${ratio.toFixed(2)} × ${names[0]}`);
}
process.exit(0);
