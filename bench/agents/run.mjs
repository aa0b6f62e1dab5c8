/**
 * What the bridges cost, and how fast the demo begins and stops. Prints and writes docs/benchmarks/agents.md with its chart.
 *
 *   node bench/agents/run.mjs [--quick] [--dry]
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { barChart } from '../stream/chart.mjs';
import { measureDeltas, measureGrowth } from './deltas.mjs';
import { measureFirstToken, measureStop } from './latency.mjs';

const { values } = parseArgs({ options: { quick: { type: 'boolean' }, dry: { type: 'boolean' } } });
const out = path.resolve(import.meta.dirname, '../../docs/benchmarks');
const loadBefore = os.loadavg()[0];

const deltas = await measureDeltas(values.quick ? { rounds: 3, deltas: 50_000 } : {});
const growth = await measureGrowth(values.quick ? { rounds: 3, items: 10_000 } : {});
const atOnce = await measureFirstToken({ pace: '0', rounds: values.quick ? 5 : 30 });
const paced = await measureFirstToken({ pace: '45', rounds: values.quick ? 5 : 30 });
const stop = await measureStop(values.quick ? { rounds: 10 } : {});

const GOAL_MICROS = 3;
const GOAL_STOP_MS = 50;
const GOAL_FIRST_MS = 100;
const fixed = (value, digits = 2) => value.toFixed(digits);
const verdict = (holds) => (holds ? 'yes' : '**no**');
const ms = ({ p50, p95, max }) => `${fixed(p50, 1)} / ${fixed(p95, 1)} / ${fixed(max, 1)}`;
const least = (rows) => Math.min(...rows.map(({ added }) => added));
const most = (rows) => Math.max(...rows.map(({ added }) => added));
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();

const markdown = `# Agents: what the bridges cost

- A bridge adds ${fixed(least(deltas), 1)} to ${fixed(most(deltas), 1)} µs of CPU to a text delta, against a goal of ${GOAL_MICROS}, and nothing grows with the message or the thread.
- The demo shows the first token of its answer ${fixed(atOnce.text.p50, 0)} ms after the question, and a stop has reached the model after ${fixed(stop.p50, 0)} ms (medians).

## How it was measured

CPU of one text delta from the SDK's event to the ChatKit event, beyond a bare \`for await\` over the same events. Bare and bridge run in
turns in one process, and the best of all rounds counts, because foreign load can only add. The latencies are those of the demo, a process
of its own, over loopback. \`node bench/agents/run.mjs\` measures it anew and writes this page.

- machine: ${os.cpus().length} × ${os.cpus()[0]?.model}, ${os.platform()}, Node ${process.version}
- foreign load: load average ${fixed(loadBefore, 1)} before, ${fixed(os.loadavg()[0], 1)} after
- commit: ${commit}

## A text delta

| source | bare loop, µs | with the bridge, µs | added, µs | at most ${GOAL_MICROS} |
|---|---|---|---|---|
${deltas
  .map(
    ({ name, bare, bridge, added }) =>
      `| ${name} | ${fixed(bare)} | ${fixed(bridge)} | ${fixed(added)} | ${verdict(added <= GOAL_MICROS)} |`,
  )
  .join('\n')}

A Responses model sends each delta twice; chat completions and the AI-SDK adapter send it in two forms. What is not used costs as well.

![CPU of a text delta by source](agents.svg)

## Nothing grows

| | µs a delta |
|---|---|
| early in a message (deltas ${growth.deltas.toLocaleString('en')} to ${(growth.deltas * 2).toLocaleString('en')}) | ${fixed(growth.early)} |
| late in it (the last ${growth.deltas.toLocaleString('en')} of ${growth.length.toLocaleString('en')}) | ${fixed(growth.late)} |
| in an empty thread | ${fixed(growth.empty)} |
| in a thread of ${growth.items.toLocaleString('en')} items | ${fixed(growth.full)} |

## The demo

| measure, p50 / p95 / max ms | at most | measured | holds |
|---|---|---|---|
| question to the first token of the thought, at 45 tokens/s | ${GOAL_FIRST_MS} | ${ms(paced.thought)} | ${verdict(paced.thought.p95 <= GOAL_FIRST_MS)} |
| question to the first token of the answer, without a pace (thought, search and all) | ${GOAL_FIRST_MS} | ${ms(atOnce.text)} | ${verdict(atOnce.text.p95 <= GOAL_FIRST_MS)} |
| the same, the first question of the process | ${GOAL_FIRST_MS} | ${fixed(atOnce.cold.text, 1)} | ${verdict(atOnce.cold.text <= GOAL_FIRST_MS)} |
| the client's stop to the model's request gone (server, SDK and \`openai\` in between) | ${GOAL_STOP_MS} | ${ms(stop)} | ${verdict(stop.max <= GOAL_STOP_MS)} |

${paced.thought.n} questions each, ${stop.n} stops; in ${stop.late} of them something changed on the screen after the run had ended.
`;

console.log(markdown);
if (!values.dry) {
  writeFileSync(path.join(out, 'agents.md'), markdown);
  writeFileSync(
    path.join(out, 'agents.svg'),
    barChart({
      title: 'CPU of a text delta through the bridges',
      subtitle: 'µs beyond a bare for await; less is better, the dashed line is the goal',
      groups: deltas.map(({ name, added }) => ({ label: name, bars: [{ name: '@chatkit/agents', value: added }] })),
      max: GOAL_MICROS * 1.25,
      line: GOAL_MICROS,
    }),
  );
}
