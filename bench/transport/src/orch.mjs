import { fork } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
export const root = path.dirname(here);
export const rss = (pid) => {
  try {
    return +fs.readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1] * 4096;
  } catch {
    return 0;
  }
};
export const procCpu = (pid) => {
  try {
    const s = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const f = s.slice(s.lastIndexOf(')') + 2).split(' ');
    return (+f[11] + +f[12]) / 100;
  } catch {
    return 0;
  }
};
// ms a process's main thread stood in the run queue without a core (contention, seen directly)
export const runDelay = (pid) => {
  try {
    return +fs.readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1] / 1e6;
  } catch {
    return 0;
  }
};
export const machineBusy = () => {
  const f = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].trim().split(/\s+/).slice(1).map(Number);
  return (f[0] + f[1] + f[2] + f[5] + f[6] + (f[7] ?? 0)) / 100;
};
export const delay = (ms) => new Promise((r) => setTimeout(r, ms));
function proc(file, args, opts = {}) {
  const p = fork(path.join(here, file), args, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: opts.execArgv ?? [],
    env: { ...process.env, NODE_NO_WARNINGS: '1', NODE_ENV: 'production' },
  });
  let seq = 0;
  const pending = new Map();
  const listeners = new Set();
  p.on('message', (m) => {
    if (m.id !== undefined && pending.has(m.id)) {
      const { resolve, reject } = pending.get(m.id);
      pending.delete(m.id);
      m.error ? reject(new Error(m.error)) : resolve(m.res ?? m);
    } else for (const l of listeners) l(m);
  });
  p.on('exit', (c) => {
    for (const { reject } of pending.values()) reject(new Error(`exit ${c}`));
    pending.clear();
  });
  return {
    pid: p.pid,
    p,
    on: (l) => listeners.add(l),
    off: (l) => listeners.delete(l),
    call: (m) =>
      new Promise((resolve, reject) => {
        const id = ++seq;
        pending.set(id, { resolve, reject });
        p.send({ ...m, id });
      }),
    send: (m) => p.send(m),
    stop: () =>
      new Promise((r) => {
        if (p.exitCode !== null || p.signalCode) return r();
        p.once('exit', r);
        const t = setTimeout(() => p.kill('SIGKILL'), 2000);
        p.once('exit', () => clearTimeout(t));
        try {
          p.send({ cmd: 'exit' });
        } catch {
          p.kill('SIGKILL');
        }
      }),
  };
}
export async function startServer(name, opts) {
  const s = proc('server.mjs', [name], opts);
  const m = await new Promise((resolve, reject) => {
    const l = (m) => {
      if (m.ready) {
        s.off(l);
        resolve(m);
      }
    };
    s.on(l);
    s.p.once('exit', (c) => reject(new Error(`${name}: server exit ${c}`)));
    setTimeout(() => reject(new Error(`${name}: server start timeout`)), 15000).unref();
  });
  return Object.assign(s, { port: m.port, transport: m.transport, merges: m.merges, name });
}
export const startClient = () => proc('client.mjs', []);
export const allCandidates = () =>
  fs
    .readdirSync(path.join(root, 'candidates'))
    .filter((f) => f.endsWith('.mjs') && !f.startsWith('_'))
    .map((f) => f.slice(0, -4));
export const shuffle = (a) => {
  a = [...a];
  for (let i = a.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [a[i], a[j]] = [a[j], a[i]];
  }
  return a;
};
export const median = (a) => {
  a = a.filter((x) => x != null && !Number.isNaN(x)).sort((x, y) => x - y);
  const n = a.length;
  return n ? (n % 2 ? a[n >> 1] : (a[n / 2 - 1] + a[n / 2]) / 2) : NaN;
};
export function args() {
  const o = { _: [] };
  for (const a of process.argv.slice(2)) {
    const m = /^--([^=]+)(?:=(.*))?$/.exec(a);
    if (m) o[m[1]] = m[2] ?? true;
    else o._.push(a);
  }
  return o;
}
export const resultsDir = path.join(root, 'results');
export function log(section, rec) {
  fs.mkdirSync(resultsDir, { recursive: true });
  fs.appendFileSync(
    path.join(resultsDir, `${section}.jsonl`),
    `${JSON.stringify({ at: new Date().toISOString(), ...rec })}\n`,
  );
}
// wait until other work on this machine leaves most of it idle (others may share it); returns the foreign load in cores
export async function quiet(max = 0.3, maxWaitMs = 40000) {
  const end = Date.now() + maxWaitMs;
  for (let ok = 0, f = 9; ; ) {
    const b0 = machineBusy(),
      p0 = procCpu(process.pid),
      t0 = Date.now();
    await delay(500);
    f = (machineBusy() - b0 - (procCpu(process.pid) - p0)) / ((Date.now() - t0) / 1000);
    if (f < max) {
      if (++ok === 2) return f;
    } else {
      ok = 0;
      await delay(800);
    }
    if (Date.now() > end) return f;
  }
}
