// node src/G.mjs [--rounds=3] [--conns=100] [--hz=20] [--seconds=6]: what compression costs and saves. The clients live in this
// process and really decode; CPU and memory are the server's alone.
import { get } from 'node:http';
import { constants, createGunzip } from 'node:zlib';
import { args, delay, log, machineBusy, procCpu, rss, shuffle, startServer } from './orch.mjs';
import { now } from './source.mjs';

const o = args();
const stamp = Date.now();
const conns = +(o.conns ?? 100);
const hz = +(o.hz ?? 20);
const seconds = +(o.seconds ?? 6);

/** One connection; `onText` gets what can be read of it. Answers with the socket, for the bytes that came. */
const open = (port, query, onText) =>
  new Promise((resolve, reject) => {
    get(
      { port, host: '127.0.0.1', path: `/?${query}`, headers: { 'accept-encoding': 'gzip' }, agent: false },
      (response) => {
        const isGzip = response.headers['content-encoding'] === 'gzip';
        const text = isGzip ? response.pipe(createGunzip({ flush: constants.Z_SYNC_FLUSH })) : response;
        text
          .setEncoding('latin1')
          .on('data', onText)
          .on('error', () => {});
        text.on('end', () => response.emit('read'));
        resolve(response);
      },
    ).on('error', reject);
  });
const stat = async (server) => {
  const { cpu, counters } = await server.call({ cmd: 'stat' });
  return { cpu: cpu.user + cpu.system, produced: counters.produced };
};

async function paced(server) {
  const rss0 = rss(server.pid);
  const latencies = [];
  let isMeasured = false;
  const responses = [];
  for (let n = 0; n < conns; n++)
    responses.push(
      await open(server.port, `mode=paced&hz=${hz}&n=100000`, (text) => {
        if (!isMeasured) return;
        const at = now();
        for (const [, sent] of text.matchAll(/"delta":"(\d{16})/g)) latencies.push((at - Number(sent)) / 1e6);
      }),
    );
  await delay(1500);
  const bytes = () => responses.reduce((sum, { socket }) => sum + socket.bytesRead, 0);
  const [s0, b0] = [await stat(server), bytes()];
  isMeasured = true;
  await delay(seconds * 1000);
  isMeasured = false;
  const [s1, b1] = [await stat(server), bytes()];
  const memory = (rss(server.pid) - rss0) / 1024 / conns;
  for (const response of responses) response.destroy();
  latencies.sort((x, y) => x - y);
  const at = (part) => latencies[Math.floor(latencies.length * part)];
  const events = s1.produced - s0.produced;
  return {
    events,
    delivered: latencies.length / events,
    bytesPerEvent: (b1 - b0) / events,
    cpuUs: (s1.cpu - s0.cpu) / events,
    p50: at(0.5),
    p99: at(0.99),
    rssKBperConn: memory,
  };
}

async function fast(server, n = 100_000) {
  const s0 = await stat(server);
  let text = 0;
  const response = await open(server.port, `mode=fast&n=${n}`, (more) => {
    text += more.length;
  });
  await new Promise((resolve) => response.once('read', resolve));
  const { cpu } = await stat(server);
  return { fastCpuUs: (cpu - s0.cpu) / n, fastBytesPerEvent: response.socket.bytesRead / n, text };
}

for (let round = 1; round <= +(o.rounds ?? 3); round++)
  for (const name of shuffle(['ours', 'ours-gzip'])) {
    const server = await startServer(name);
    try {
      await fast(server, 3000);
      const own = () => procCpu(server.pid) + procCpu(process.pid);
      const [busy0, own0, t0] = [machineBusy(), own(), Date.now()];
      const result = { ...(await paced(server)), ...(await fast(server)) };
      const foreign = +((machineBusy() - busy0 - (own() - own0)) / ((Date.now() - t0) / 1000)).toFixed(2);
      log('G', { stamp, round, name, conns, hz, foreign, ...result });
      console.log(
        `G r${round} ${name.padEnd(10)} ${result.bytesPerEvent.toFixed(0)} B/event, ${result.cpuUs.toFixed(1)} us/event, p50 ${result.p50.toFixed(2)} p99 ${result.p99.toFixed(1)} ms, ${result.rssKBperConn.toFixed(0)} KB/conn; fast: ${result.fastBytesPerEvent.toFixed(0)} B, ${result.fastCpuUs.toFixed(2)} us, foreign ${foreign}`,
      );
    } finally {
      await server.stop();
    }
  }
process.exit(0);
