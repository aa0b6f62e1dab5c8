// node src/sections.mjs A|B|C|F [--rounds=3] [--only=a,b] [...]  — appends one JSON line per run to results/<section>.jsonl
// B asks a young process, in which V8 still compiles; with --warm=150000 (deltas in a rush, before) and --settle=10000 (ms at the
// pace of the measurement, before) it asks one that has been up for a while.
process.on('unhandledRejection', (e) => console.error('unhandled:', e?.message ?? e));

import {
  allCandidates,
  args,
  delay,
  log,
  machineBusy,
  procCpu,
  quiet,
  rss,
  runDelay,
  shuffle,
  startClient,
  startServer,
} from './orch.mjs';

const o = args();
const section = o._[0];
const rounds = +(o.rounds ?? 3);
const names = o.only ? String(o.only).split(',') : allCandidates();
const skip = new Set(String(o.skip ?? '').split(','));
const stamp = o.stamp ?? Date.now();
const budgetEnd = Date.now() + +(o.budget ?? 1200) * 1000;
const maxForeign = +(o.maxForeign ?? 0.35);

// runs fn and says how much of the machine other processes used meanwhile (in cores)
async function withForeign(server, client, fn) {
  const own = () => procCpu(server.pid) + procCpu(client.pid) + procCpu(process.pid);
  const b0 = machineBusy(),
    o0 = own(),
    t0 = Date.now(),
    w0 = runDelay(server.pid),
    c0 = runDelay(client.pid);
  const r = await fn();
  const ms = Date.now() - t0;
  r.waitServer = +(((runDelay(server.pid) - w0) / ms) * 100).toFixed(1);
  r.waitClient = +(((runDelay(client.pid) - c0) / ms) * 100).toFixed(1);
  return { ...r, foreign: +((machineBusy() - b0 - (own() - o0)) / ((Date.now() - t0) / 1000)).toFixed(2) };
}
const sections = {
  async A(name, round) {
    let worst;
    for (const cfg of [
      { conns: 1, n: +(o.n1 ?? 100000) },
      { conns: 200, n: +(o.n200 ?? 1000) },
    ]) {
      const server = await startServer(name),
        client = startClient();
      try {
        const v = await client.call({
          mode: 'verify',
          args: { ...server, p: undefined, port: server.port, transport: server.transport, n: 3000 },
        });
        for (let i = 0; i < 4; i++)
          await client.call({ mode: 'verify', args: { port: server.port, transport: server.transport, n: 3000 } });
        if (v.events < 3000 && !server.merges) throw new Error(`verify: ${v.events}`);
        const r = await withForeign(server, client, async () => {
          const s0 = await server.call({ cmd: 'stat' });
          const c = await client.call({
            mode: 'throughput',
            args: { port: server.port, transport: server.transport, ...cfg },
          });
          const s1 = await server.call({ cmd: 'stat' });
          const cpu = s1.cpu.user + s1.cpu.system - s0.cpu.user - s0.cpu.system;
          return {
            ...c,
            evs: c.events / c.sec,
            mbs: c.bytes / c.sec / 1e6,
            cpuUs: cpu / c.events,
            cpuUserUs: (s1.cpu.user - s0.cpu.user) / c.events,
            bytesPerEvent: c.bytes / c.events,
            rssMax: s1.mem.rss,
          };
        });
        log('A', { stamp, round, name, conns: cfg.conns, n: cfg.n, ...r });
        console.log(
          `A r${round} ${name.padEnd(22)} c=${cfg.conns} ${Math.round(r.evs)} ev/s  ${r.mbs.toFixed(1)} MB/s cpu ${r.cpuUs.toFixed(2)} us/ev ttfb p50 ${r.ttfbP50?.toFixed(1)} max ${r.ttfbMax?.toFixed(1)} ms  ${r.how} foreign ${r.foreign}`,
        );
        worst = Math.max(worst ?? -9, r.foreign);
      } catch (e) {
        log('A', { stamp, round, name, conns: cfg.conns, error: String(e.message) });
        console.log(`A ${name} c=${cfg.conns} ERROR ${e.message}`);
      } finally {
        await client.stop();
        await server.stop();
      }
    }
    return worst;
  },
  async B(name, round) {
    const cfg = {
      conns: +(o.conns ?? 1000),
      hz: +(o.hz ?? 20),
      seconds: +(o.seconds ?? 15),
      settle: +(o.settle ?? 1500),
    };
    const warm = +(o.warm ?? 0);
    const server = await startServer(name),
      client = startClient();
    try {
      for (let i = 0; i < 5; i++)
        await client.call({ mode: 'verify', args: { port: server.port, transport: server.transport, n: 3000 } });
      // A server is up for days: what V8 compiles once per process, in a rush and at a pace, is not the cost of a token.
      if (warm > 0) {
        const at = { port: server.port, transport: server.transport };
        await client.call({ mode: 'throughput', args: { ...at, conns: 20, n: Math.ceil(warm / 20) } });
      }
      await delay(300);
      const r = await withForeign(server, client, async () => {
        const rss0 = rss(server.pid);
        let s0, s1, rss1, timer;
        const marks = [];
        const mark = () =>
          marks.push({
            t: performance.now(),
            busy: machineBusy(),
            server: procCpu(server.pid),
            own: procCpu(server.pid) + procCpu(client.pid) + procCpu(process.pid),
          });
        const l = async (m) => {
          if (!m.phase) return;
          if (m.phase === 'begin') s0 = { ...(await server.call({ cmd: 'stat' })), t: Date.now() };
          if (m.phase === 'begin') {
            mark();
            timer = setInterval(mark, 1000);
          }
          if (m.phase === 'end') {
            clearInterval(timer);
            mark();
            s1 = { ...(await server.call({ cmd: 'stat' })), t: Date.now() };
            rss1 = rss(server.pid);
          }
          client.send({ ack: m.ack });
        };
        client.on(l);
        const c = await client.call({
          mode: 'latency',
          args: { port: server.port, transport: server.transport, ...cfg },
        });
        client.off(l);
        c.persec.forEach((p, i) => {
          const a = marks[i],
            b = marks[i + 1];
          if (b) {
            const w = (b.t - a.t) / 1000;
            p.foreign = +((b.busy - a.busy - (b.own - a.own)) / w).toFixed(2);
            p.cpuPct = +(((b.server - a.server) / w) * 100).toFixed(1);
          }
        });
        const wall = (s1.t - s0.t) / 1000,
          cpu = (s1.cpu.user + s1.cpu.system - s0.cpu.user - s0.cpu.system) / 1e6;
        return {
          ...c,
          cpuPct: (cpu / wall) * 100,
          cpuUs: (cpu * 1e6) / (s1.counters.produced - s0.counters.produced),
          produced: s1.counters.produced - s0.counters.produced,
          rssKBperConn: (rss1 - rss0) / 1024 / cfg.conns,
          rss0,
          rss1,
        };
      });
      log('B', { stamp, round, name, ...cfg, warm, ...r });
      const cs = r.persec.filter((p) => p.foreign < 0.3);
      console.log(
        `B r${round} clean seconds ${cs.length} ${name.padEnd(22)} p50 ${r.p50?.toFixed(2)} p99 ${r.p99?.toFixed(2)} max ${r.max?.toFixed(1)} due p50 ${r.dueP50?.toFixed(2)} p99 ${r.dueP99?.toFixed(1)} ms  cpu ${r.cpuPct.toFixed(0)}% (${r.cpuUs.toFixed(1)} us/ev) rss ${r.rssKBperConn.toFixed(1)} KB/conn samples ${r.samples}/${r.expected} client ${r.clientCpuPct.toFixed(0)}% foreign ${r.foreign} ${r.how}`,
      );
      return cs.length >= 4 ? 0 : 9;
    } catch (e) {
      log('B', { stamp, round, name, error: String(e.message) });
      console.log(`B ${name} ERROR ${e.message}`);
    } finally {
      await client.stop();
      await server.stop();
    }
  },
  async C(name, round) {
    const size = +(o.size ?? 4000),
      n = Math.round((+(o.mb ?? 200) * 1e6) / size);
    const server = await startServer(name),
      client = startClient();
    try {
      await client.call({ mode: 'verify', args: { port: server.port, transport: server.transport, n: 1000 } });
      await delay(300);
      const rss0 = rss(server.pid);
      let max = rss0,
        maxStall = 0,
        stalled = false,
        sStall,
        _sEnd;
      const timer = setInterval(() => {
        const x = rss(server.pid);
        if (x > max) max = x;
        if (stalled && x > maxStall) maxStall = x;
      }, 50);
      const l = async (m) => {
        if (!m.phase) return;
        if (m.phase === 'stalled') stalled = true;
        if (m.phase === 'resume') {
          sStall = await Promise.race([server.call({ cmd: 'stat' }), delay(5000)]);
          maxStall = Math.max(maxStall, rss(server.pid));
          stalled = false;
        }
        client.send({ ack: m.ack });
      };
      client.on(l);
      const t0 = Date.now();
      const c = await client.call({
        mode: 'stall',
        args: { port: server.port, transport: server.transport, n, size, stallMs: +(o.stall ?? 10000) },
      });
      const sec = (Date.now() - t0) / 1000;
      client.off(l);
      clearInterval(timer);
      const r = {
        ...c,
        sec,
        rss0MB: rss0 / 1e6,
        growthMB: (maxStall - rss0) / 1e6,
        producedInStallMB: (sStall?.counters?.producedBytes ?? NaN) / 1e6,
        maxMB: max / 1e6,
      };
      log('C', { stamp, round, name, ...r });
      console.log(
        `C r${round} ${name.padEnd(22)} RSS +${r.growthMB.toFixed(1)} MB, generator ahead ${r.producedInStallMB.toFixed(1)} of ${(n * size) / 1e6} MB, ${r.how} after ${sec.toFixed(1)} s, max ${r.maxMB.toFixed(0)} MB`,
      );
      return 0;
    } catch (e) {
      log('C', { stamp, round, name, error: String(e.message) });
      console.log(`C ${name} ERROR ${e.message}`);
    } finally {
      await client.stop();
      await server.stop();
    }
  },
  async F(name, round) {
    const server = await startServer(name),
      client = startClient();
    try {
      const res = {},
        b0 = machineBusy(),
        t00 = Date.now();
      for (const kind of ['idle', 'paced']) {
        const c = await client.call({
          mode: 'cancel',
          args: { port: server.port, transport: server.transport, kind, count: 7 },
        });
        await delay(+(o.wait ?? 1500));
        const s = await server.call({ cmd: 'stat' });
        const ms = [],
          via = new Set();
        for (const x of c.out) {
          const hits = s.counters.cancel
            .filter((y) => y.id === x.id && y.via !== 'ran-to-end')
            .sort((a, b) => (a.aborted ?? a.t) - (b.aborted ?? b.t));
          if (hits.length) {
            ms.push(((hits[0].aborted ?? hits[0].t) - x.t) / 1e6);
            via.add(hits[0].via);
          } else ms.push(null);
        }
        res[kind] = { ms, via: [...via], never: ms.filter((x) => x === null).length };
      }
      const foreign = +((machineBusy() - b0) / ((Date.now() - t00) / 1000)).toFixed(2);
      log('F', { stamp, round, name, foreign, ...res });
      const f = (k) => {
        const a = res[k].ms.filter((x) => x !== null).sort((a, b) => a - b);
        return a.length
          ? `${a[a.length >> 1].toFixed(2)} ms (max ${a.at(-1).toFixed(2)}) via ${res[k].via}` +
              (res[k].never ? ` never ${res[k].never}/7` : '')
          : 'never';
      };
      console.log(`F r${round} ${name.padEnd(22)} idle: ${f('idle')}; paced: ${f('paced')}`);
      return foreign;
    } catch (e) {
      log('F', { stamp, round, name, error: String(e.message) });
      console.log(`F ${name} ERROR ${e.message}`);
    } finally {
      await client.stop();
      await server.stop();
    }
  },
};
// Interleaved: in every pass each candidate that still lacks clean runs goes once, in random order. A run during which other
// processes used more than maxForeign cores is logged as it is but not counted; up to rounds + 3 passes.
const clean = new Map(names.map((n) => [n, 0]));
for (let round = 1; round <= rounds + +(o.extra ?? 3); round++) {
  const todo = shuffle(names.filter((n) => !skip.has(n) && clean.get(n) < rounds));
  if (!todo.length) break;
  for (const name of todo) {
    if (Date.now() > budgetEnd) {
      console.log('budget over');
      process.exit(0);
    }
    await quiet(+(o.quiet ?? 0.3), +(o.quietMs ?? 40000));
    const foreign = await sections[section](name, round);
    if (foreign !== undefined && foreign < maxForeign) clean.set(name, clean.get(name) + 1);
  }
}
process.exit(0);
