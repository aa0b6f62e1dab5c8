// Tables and charts of the last results: prints them and writes docs/benchmarks/transport.md and its SVG files.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { median, resultsDir, root } from './orch.mjs';

const out = path.join(root, '../../docs/benchmarks');
fs.mkdirSync(out, { recursive: true });
const read = (section) => {
  const file = path.join(resultsDir, `${section}.jsonl`);
  if (!fs.existsSync(file)) return [];
  return fs
    .readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter((row) => !row.error);
};
const group = (rows, key) => Map.groupBy(rows, key);
const num = (value, digits = 2) =>
  value === undefined || Number.isNaN(value)
    ? '–'
    : Math.abs(value) >= 1000
      ? Math.round(value).toLocaleString('en')
      : value.toFixed(digits);
const table = (head, rows) =>
  [
    `| ${head.join(' | ')} |`,
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
  ].join('\n');
const isOurs = (name) => name.startsWith('ours') || name.startsWith('server') || name.startsWith('@chatkit');
const bold = (name) => (isOurs(name) ? `**${label(name)}**` : label(name));
const labels = {
  ours: '@chatkit/transport, writeReply (node:http)',
  'ours-response': '@chatkit/transport, toResponse (@hono/node-server)',
  'ours-srvx': '@chatkit/transport, toResponse (srvx)',
  'ours-ws': '@chatkit/transport, serveWebSocket (ws)',
  'ours-gzip': '@chatkit/transport, writeReply with `compress`',
  server: '@chatkit/server, respond() to the wire',
  'server-resumable': '@chatkit/server, for a client that resumes',
};
const label = (name) => labels[name] ?? name;

/** Ratios of one figure to the same pass of another candidate, so that load on the machine weighs on both. */
const ratios = (rows, name, reference, key) => {
  const base = new Map(rows.filter((row) => row.name === reference).map((row) => [row.round, row[key]]));
  return rows.filter((row) => row.name === name && base.has(row.round)).map((row) => row[key] / base.get(row.round));
};
/** Other work on the machine only ever adds to CPU time, so the least of the passes is the nearest to the thing itself. */
const least = (rows, name, key) => Math.min(...rows.filter((row) => row.name === name).map((row) => row[key]));
const leastRatio = (rows, name, reference, key) => least(rows, name, key) / least(rows, reference, key);
const span = (values, digits = 2) =>
  values.length === 0
    ? '–'
    : `${num(median(values), digits)} (${num(Math.min(...values), digits)}–${num(Math.max(...values), digits)})`;

const checks = [];
/** One line of the issue's list: what was asked, what was measured. */
const check = (what, value, limit, holds = value <= limit) => {
  if (value === undefined || !Number.isFinite(value)) return;
  checks.push([what, num(limit), num(value), holds ? 'yes' : '**no**']);
};

/** A bar chart that reads on light and dark pages. */
function chart(file, title, unit, bars) {
  const shown = bars.filter(({ value }) => Number.isFinite(value));
  if (shown.length === 0) return '';
  const [row, left, width] = [24, 330, 900];
  const most = Math.max(...shown.map(({ value }) => value));
  const height = 56 + shown.length * row;
  const lines = shown.map(({ name, value }, index) => {
    const y = 44 + index * row;
    const size = Math.max(1, (value / most) * (width - left - 80));
    const colour = isOurs(name)
      ? '#2f9e44'
      : name.startsWith('raw') || name.includes('(limit)')
        ? '#868e96'
        : '#4c6ef5';
    const text = label(name).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    return `<text x="${left - 8}" y="${y + 15}" text-anchor="end">${text}</text><rect x="${left}" y="${y + 3}" width="${size.toFixed(1)}" height="${row - 8}" rx="2" fill="${colour}"/><text x="${left + size + 6}" y="${y + 15}">${num(value)}</text>`;
  });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="13"><style>text{fill:#343a40}@media(prefers-color-scheme:dark){text{fill:#dee2e6}}</style><text x="8" y="20" font-size="15" font-weight="600">${title}</text><text x="8" y="36" font-size="11">${unit}</text>${lines.join('')}</svg>\n`;
  fs.writeFileSync(path.join(out, file), svg);
  return `![${title}](${file})\n\n`;
}

const sections = [];

const a = read('A');
for (const conns of [1, 200]) {
  const rows = a.filter((row) => row.conns === conns);
  if (rows.length === 0) continue;
  const names = [...group(rows, (row) => row.name)].map(([name, own]) => ({
    name,
    runs: own.length,
    load: Math.max(...own.map((row) => row.foreign)),
    rate: median(own.map((row) => row.evs)),
    cpu: median(own.map((row) => row.cpuUs)),
    ratio: ratios(rows, name, 'raw', 'cpuUs'),
    least: leastRatio(rows, name, 'raw', 'cpuUs'),
    rateRatio: ratios(rows, name, 'raw', 'evs'),
    first: median(own.map((row) => row.ttfbP50)),
    firstRatio: ratios(rows, name, 'raw', 'ttfbP50'),
    firstMax: median(own.map((row) => row.ttfbMax)),
  }));
  names.sort((x, y) => x.least - y.least);
  const one = (name) => names.find((row) => row.name === name);
  const title =
    conns === 1 ? 'One connection, the generator as fast as it can' : '200 connections, each as fast as it can';
  sections.push(
    `## ${title}\n\n${chart(
      `transport-${conns}.svg`,
      `${title}: CPU per event`,
      '÷ raw (node:http, one res.write per event, drain honoured); less is better',
      names.map((row) => ({ name: row.name, value: row.least })),
    )}${
      conns === 200
        ? chart(
            'transport-first-byte.svg',
            'Time to the first byte with 200 busy connections',
            'median of the connections, ms; less is better',
            [...names].sort((x, y) => x.first - y.first).map(({ name, first }) => ({ name, value: first })),
          )
        : ''
    }${table(
      [
        'candidate',
        'CPU ÷ raw, least of passes',
        'median of passes (min–max)',
        'CPU µs/event',
        'events/s',
        'events/s ÷ raw',
        'first byte p50 / max, ms',
        'passes (most other load, cores)',
      ],
      names.map((row) => [
        bold(row.name),
        num(row.least),
        span(row.ratio),
        num(row.cpu),
        num(row.rate, 0),
        num(median(row.rateRatio)),
        `${num(row.first, 1)} / ${num(row.firstMax, 1)}`,
        `${row.runs} (${num(row.load)})`,
      ]),
    )}`,
  );
  check(
    `${conns === 1 ? '1 connection' : '200 connections'}, the whole server path ÷ the bare transport, CPU per delta`,
    leastRatio(rows, 'server', 'ours', 'cpuUs'),
    1.3,
  );
  for (const name of ['ours', 'ours-response', 'ours-srvx', 'ours-ws'])
    check(
      `${conns} connection${conns > 1 ? 's' : ''}, CPU per event ÷ raw: ${label(name)}`,
      one(name)?.least,
      conns === 200 ? 0.5 : name === 'ours' ? 0.6 : 1,
    );
  if (conns === 200) {
    check('200 connections, first byte p50 ÷ raw: writeReply', median(one('ours')?.firstRatio ?? []), 0.2);
    const peers = names.filter(({ name }) => !isOurs(name) && !name.startsWith('raw'));
    const best = Math.max(...peers.map(({ rate }) => rate));
    if (peers.length > 0)
      check('200 connections, best peer’s events/s ÷ ours', best / (one('ours')?.rate ?? Number.NaN), 1);
  }
}

const b = read('B');
if (b.length > 0) {
  const names = [...group(b, (row) => row.name)].map(([name, own]) => ({
    name,
    runs: own.length,
    load: Math.max(...own.map((row) => row.foreign)),
    delivered: median(own.map((row) => (row.samples / row.expected) * 100)),
    p50: median(own.map((row) => row.p50)),
    p99: median(own.map((row) => row.p99)),
    due99: median(own.map((row) => row.dueP99)),
    cpu: median(own.map((row) => row.cpuUs)),
    ratio: ratios(b, name, 'raw', 'cpuUs'),
    least: leastRatio(b, name, 'raw', 'cpuUs'),
    p99Ratio: ratios(b, name, 'raw', 'p99'),
    memory: median(own.map((row) => row.rssKBperConn)),
    memoryRatio: ratios(b, name, 'raw', 'rssKBperConn'),
  }));
  names.sort((x, y) => x.least - y.least);
  const ours = names.find(({ name }) => name === 'ours');
  sections.push(
    `## 1000 connections × 20 tokens/s\n\nLatency is from the yield to the receipt; \`due\` starts when the event was due, so that a server that cannot keep up cannot\nhide it by yielding late.\n\n${chart(
      'transport-paced.svg',
      '1000 connections × 20 tokens/s: CPU per event',
      '÷ raw; less is better',
      names.map((row) => ({ name: row.name, value: row.least })),
    )}${table(
      [
        'candidate',
        'CPU ÷ raw, least of passes',
        'median of passes (min–max)',
        'CPU µs/event',
        'delivered',
        'p50 / p99, ms',
        'due p99, ms',
        'RSS KB/connection (÷ raw)',
        'passes (most other load, cores)',
      ],
      names.map((row) => [
        bold(row.name),
        num(row.least),
        span(row.ratio),
        num(row.cpu, 1),
        `${num(Math.min(100, row.delivered), 0)} %`,
        `${num(row.p50)} / ${num(row.p99, 1)}`,
        num(row.due99, 0),
        `${num(row.memory, 0)} (${num(median(row.memoryRatio))})`,
        `${row.runs} (${num(row.load)})`,
      ]),
    )}`,
  );
  check('1000 × 20/s, CPU per event ÷ raw: writeReply', ours?.least, 0.95);
  for (const name of ['server', 'server-resumable'])
    check(
      `1000 × 20/s, the whole server path ÷ the bare transport, CPU per delta${name === 'server' ? '' : ', client that resumes'}`,
      leastRatio(b, name, 'ours', 'cpuUs'),
      1.3,
    );
  check('1000 × 20/s, p99 latency ÷ raw: writeReply', median(ours?.p99Ratio ?? []), 1);
  check('1000 × 20/s, memory per connection ÷ raw: writeReply', median(ours?.memoryRatio ?? []), 1.1);
  check(
    '1000 × 20/s, delivered %: writeReply',
    Math.min(100, ours?.delivered ?? Number.NaN),
    99.9,
    (ours?.delivered ?? 0) >= 99.9,
  );
}

const c = read('C');
if (c.length > 0) {
  const rows = [...group(c, (row) => row.name)].map(([name, own]) => ({
    name,
    ahead: own.map((row) => row.producedInStallMB),
    growth: median(own.map((row) => row.growthMB)),
    how: [...new Set(own.map((row) => row.how))].join(', '),
  }));
  rows.sort((x, y) => median(x.ahead) - median(y.ahead));
  const of = (name) => median(rows.find((row) => row.name === name)?.ahead ?? []);
  sections.push(
    `## A client that stops reading, 200 MB on offer\n\nThe kernel's buffers are in it: 4 to 9 MB on loopback, as it tunes them.\n\n${table(
      [
        'candidate',
        'holds the generator back',
        'generator ran ahead, MB, median (min–max)',
        'RSS growth, MB',
        'then',
        'passes',
      ],
      rows.map((row) => [
        bold(row.name),
        median(row.ahead) < 40 ? 'yes' : '**no**',
        span(row.ahead, 1),
        num(row.growth, 1),
        row.how,
        row.ahead.length,
      ]),
    )}`,
  );
  for (const name of ['ours', 'ours-response', 'ours-ws'])
    check(`Not reading, MB run ahead beyond raw: ${label(name)}`, of(name) - of('raw'), 1.05);
}

const f = read('F');
if (f.length > 0) {
  const names = [...group(f, (row) => row.name)].map(([name, own]) => ({
    name,
    idle: own.flatMap((row) => row.idle.ms),
    paced: own.flatMap((row) => row.paced.ms),
  }));
  const cell = (all) => {
    const seen = all.filter((ms) => ms !== null);
    return seen.length === 0 ? 'never' : `${num(median(seen))} (max ${num(Math.max(...seen), 1)})`;
  };
  sections.push(
    `## Disconnect to abort\n\n${table(
      ['candidate', 'generator waits inside an await, ms', 'generator yields every 20 ms, ms'],
      names.map((row) => [bold(row.name), cell(row.idle), cell(row.paced)]),
    )}`,
  );
  const ours = names.find(({ name }) => name === 'ours');
  check('Disconnect to abort, idle, median ms: writeReply', median(ours?.idle ?? []), 3);
  check('Disconnect to abort, busy, median ms: writeReply', median(ours?.paced ?? []), 3);
}

const d = read('D');
if (d.length > 0) {
  const sizes = [64, 1024, 65536];
  const at = (name, size, level) =>
    least(
      d.filter((row) => row.size === size && row.level === level),
      name,
      'nsPerEvent',
    );
  const limit = 'indexOf (limit)';
  for (const [level, title] of [
    ['json', 'Decoding: bytes to parsed events'],
    ['zod', 'Decoding and validating with zod'],
  ]) {
    const names = [...new Set(d.filter((row) => row.level === level).map((row) => row.name))].sort(
      (x, y) => at(x, 65536, level) - at(y, 65536, level),
    );
    sections.push(
      `## ${title}\n\nns per event of CPU time, one process per run, the least of the passes. \`indexOf (limit)\` is a hand-written parser that knows no SSE but \`data:\` and\n\`\\n\\n\`, with \`JSON.parse\`${level === 'zod' ? ' and the same validation' : ''}.\n\n${
        level === 'json'
          ? chart(
              'transport-decode.svg',
              'Decoding at 64 KiB chunks',
              'ns per event, JSON parsed; less is better',
              names.map((name) => ({ name, value: at(name, 65536, level) })),
            )
          : ''
      }${table(
        ['decoder', ...sizes.map((size) => `${size} B`), '× limit at 64 B', '× limit at 1 KiB', '× limit at 64 KiB'],
        names.map((name) => [
          bold(name),
          ...sizes.map((size) => num(at(name, size, level), 0)),
          ...sizes.map((size) => num(at(limit, size, level) / at(name, size, level))),
        ]),
      )}`,
    );
  }
  const ours = '@chatkit/transport: createSseJsonDecoder';
  for (const size of sizes) {
    check(
      `Decoding at ${size} B, parsed and validated (zod) ÷ hand-written with bare JSON.parse`,
      at(ours, size, 'zod') / at(limit, size, 'json'),
      1,
    );
    check(
      `Decoding at ${size} B, for await, parsed and validated ÷ hand-written with bare JSON.parse behind the same web stream`,
      at('@chatkit/transport: decodeSseJson (for await)', size, 'zod') /
        at('indexOf behind a web stream', size, 'json'),
      1,
    );
    const peers = [...new Set(d.map((row) => row.name))].filter(
      (name) => !isOurs(name) && !name.startsWith('indexOf') && !name.startsWith('Buffer'),
    );
    check(
      `Decoding at ${size} B, ours ÷ best peer`,
      at(ours, size, 'json') / Math.min(...peers.map((name) => at(name, size, 'json')).filter(Number.isFinite)),
      1,
    );
  }
}

const e = read('E');
if (e.length > 0) {
  const names = [...group(e, (row) => row.name)]
    .map(([name, own]) => ({ name, ns: Math.min(...own.map((row) => row.ns)) }))
    .sort((x, y) => x.ns - y.ns);
  const base = names.find(({ name }) => name === 'JSON.stringify + frame -> utf8Write')?.ns;
  sections.push(
    `## Encoding one text delta\n\n${table(
      ['variant', 'ns/event', '÷ JSON.stringify + frame'],
      names.map(({ name, ns }) => [bold(name), num(ns, 0), num(ns / base)]),
    )}`,
  );
  const ns = (name) => names.find((row) => row.name === name)?.ns ?? Number.NaN;
  const ours = '@chatkit/transport: createDeltaEncoder().sse';
  check(
    'Encoding a delta ÷ JSON.stringify and framing, to a string',
    ns(`${ours} (no copy)`) / ns('JSON.stringify + frame (no copy)'),
    0.35,
  );
  check('Encoding a delta ÷ JSON.stringify and framing, copied to bytes', ns(`${ours} -> utf8Write`) / base, 0.35);
}

const g = read('G');
if (g.length > 0) {
  const names = [...group(g, (row) => row.name)];
  const of = (own, key) => median(own.map((row) => row[key]));
  const rows = names.map(([name, own]) => [
    bold(name),
    num(of(own, 'bytesPerEvent'), 0),
    num(of(own, 'cpuUs'), 0),
    `${num(of(own, 'p50'))} / ${num(of(own, 'p99'), 1)}`,
    num(of(own, 'rssKBperConn'), 0),
    num(of(own, 'fastCpuUs')),
    `${own.length} (${num(Math.max(...own.map((row) => row.foreign)))})`,
  ]);
  sections.push(
    `## Compressed\n\n100 connections × 20 tokens/s, and one connection as fast as it can. Clients decode; CPU and memory are the server's. 23 of an\nevent's characters are the time at which it was made, which nothing can compress.\n\n${table(
      [
        'candidate',
        'bytes an event on the wire',
        'CPU µs/event',
        'yield to decoded, p50 / p99, ms',
        'RSS KB/connection',
        'as fast as it can: CPU µs/event',
        'passes (most other load, cores)',
      ],
      rows,
    )}`,
  );
}

/** Written by hand: to be read again when the numbers change. */
const byHand = (file) => fs.readFileSync(path.join(root, file), 'utf8').trim();
const { commit } = JSON.parse(fs.readFileSync(path.join(resultsDir, 'meta.json'), 'utf8'));
const machine = `${os.cpus()[0]?.model.trim()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Linux ${os.release().split('-')[0]}, Node ${process.version}`;
const when = [a, b, c, d, e, f, g]
  .flat()
  .map((row) => row.at)
  .sort();
const text = `# Transport: peers and the limit

What an event costs on its way over HTTP and WebSocket, in the adapters of this project, in its peers, and at the limit of the runtime.
\`raw\` is \`node:http\` with one \`res.write(JSON)\` per event, honouring \`drain\`; \`raw-net\` and \`raw-fair\` are hand-written on \`node:net\`: the
floor without leaving Node.

## In short

${byHand('summary.md')}

## How it was measured

- ${machine}. Commit ${commit}, ${when[0]?.slice(0, 16)}Z to ${when.at(-1)?.slice(11, 16)}Z.
- \`node bench/transport/run.mjs\` asks again. Server and load are processes of their own on loopback, a fresh pair for every run; in every pass each
  candidate runs once, in random order.
- The machine was shared with other work; the last column says how much of it at most. Other work only ever adds to CPU time, so figures of CPU are
  judged by the least of the passes; the median of the ratios taken within a pass stands beside it.
- Smaller differences than about 1.3 × between two runs mean nothing.

## What was asked for, and what came out

${table(['measure', 'at most', 'measured', 'holds'], checks)}

${byHand('remarks.md')}

${sections.join('\n\n')}
`;
fs.writeFileSync(path.join(out, 'transport.md'), text);
console.log(text);
