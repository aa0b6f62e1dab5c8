/**
 * Measures one operator of one contestant, in a process of its own, so that no contestant pays for what others have done
 * to the caches and the optimiser. The baseline, a bare `for await` over the same source, runs in turns with it.
 * Prints one line of JSON. Usage: node --expose-gc cell.mjs <operator> <contestant> <items> <stream url> [peers folder]
 */

import { loadCandidates } from './candidates.mjs';

const [operator, name, count, streamUrl, peersFrom] = process.argv.slice(2);
const items = Number(count);
const candidate = (await loadCandidates(streamUrl, peersFrom))[name];

// Compiled anew for each use, so that one user's types do not slow another's.
const fresh = (source) => new Function(`return ${source}`)();
const numbers = () => fresh('async function* (n) { for (let i = 0; i < n; i++) yield i; }');
const consumer = () => fresh('async function (iterable, sink) { for await (const item of iterable) sink(item); }');

/** Numbers that arrive 32 at a time, as the deltas of one network read do. */
function bursts(n) {
  const chunks = async function* () {
    for (let from = 0; from < n; from += 32) {
      const chunk = [];
      for (let item = from; item < n && item < from + 32; item++) chunk.push(item);
      yield chunk;
    }
  };
  const source = {
    [Symbol.asyncIterator]: async function* () {
      for await (const chunk of chunks()) for (let index = 0; index < chunk.length; index++) yield chunk[index];
    },
  };
  if (candidate.chunks) source[candidate.chunks] = chunks;
  return source;
}

const increment = fresh('(x) => x + 1');
const isOdd = fresh('(x) => (x & 1) === 1');
const base = consumer();
const use = consumer();
const split = (ways) => Array.from({ length: ways }, () => numbers()(items / ways));
const operators = {
  map: (sink) => use(candidate.map(numbers()(items), increment), sink),
  filter: (sink) => use(candidate.filter(numbers()(items), isOdd), sink),
  chain4: (sink) => use(candidate.chain4 ? candidate.chain4(numbers()(items)) : chainOf(numbers()(items)), sink),
  merge2: (sink) => use(candidate.merge(split(2)), sink),
  merge10: (sink) => use(candidate.merge(split(10)), sink),
  batch100: (sink) => use(candidate.batch(numbers()(items), 100), sink),
  'batch100/5ms': (sink) => use(candidate.batchTime(numbers()(items), 100, 5), sink),
  buffer1000: (sink) => use(candidate.buffer(numbers()(items), 1000), sink),
  tee: (sink) => {
    const [left, right] = candidate.tee(numbers()(items));
    return Promise.all([use(left, sink), use(right, sink)]);
  },
  'map, chunks of 32': (sink) => use(candidate.map(bursts(items), increment), sink),
  'map, chunks of 32, forEach': (sink) => candidate.forEach(candidate.map(bursts(items), increment), sink),
};
const baseline = (sink) => base(operator.includes('chunks') ? bursts(items) : numbers()(items), sink);

function chainOf(source) {
  const { map, filter } = candidate;
  return map(
    map(
      filter(
        map(source, (x) => x + 1),
        (x) => x >= 0,
      ),
      (x) => x * 2,
    ),
    (x) => x - 1,
  );
}

async function time(run) {
  let sum = 0;
  const sink = (item) => {
    sum += typeof item === 'number' ? item : item.length;
  };
  globalThis.gc?.();
  const start = performance.now();
  await run(sink);
  return { ms: performance.now() - start, sum };
}

await time(baseline);
const warmUp = (await time(operators[operator])).ms;
const rounds = warmUp > 4000 ? 1 : warmUp > 1500 ? 3 : 9;
const baselines = [];
const times = [];
let retained = 0;
for (let round = 0; round < rounds; round++) {
  baselines.push((await time(baseline)).ms);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  times.push((await time(operators[operator])).ms);
  globalThis.gc?.();
  retained = process.memoryUsage().heapUsed - before;
}
console.log(
  JSON.stringify({
    operator,
    name,
    // The best round of each: what else runs on the machine can only add to a time.
    ratio: Math.min(...times) / Math.min(...baselines),
    ms: Math.min(...times),
    baselineMs: Math.min(...baselines),
    rounds,
    retainedBytes: retained,
  }),
);
process.exit(0);
