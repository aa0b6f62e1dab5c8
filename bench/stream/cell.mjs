/**
 * Measures one operator of one contestant, in a process of its own, so that no contestant pays for what others have done
 * to the caches and the optimiser. Short rounds of the baseline, a bare `for await` over the same source, and of the
 * contestant take turns; the ratio is the median over the pairs, which foreign load slows alike. Prints one line of JSON.
 * Usage: node --expose-gc cell.mjs <operator> <contestant> <items a round> <stream url> [peers folder]
 */

import { loadCandidates } from './candidates.mjs';

const [operator, name, count, streamUrl, peersFrom] = process.argv.slice(2);
const items = Number(count);
// Peers are loaded only where one is measured: their megabytes of code cost whoever shares the heap with them a tenth.
const candidate = (await loadCandidates(streamUrl))[name] ?? (await loadCandidates(streamUrl, peersFrom))[name];

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

globalThis.sum = 0; // global, so that the work is not optimised away
const sink = (item) => {
  globalThis.sum += typeof item === 'number' ? item : item.length;
};

async function time(run) {
  const start = performance.now();
  await run(sink);
  return performance.now() - start;
}

const run = operators[operator];
await time(run);
const isSlow = (await time(run)) > 250; // a peer at over ten times the baseline needs no finer figure
for (let round = 0; round < (isSlow ? 2 : 20); round++) {
  await time(baseline);
  await time(run);
}
const ratios = [];
for (let round = 0; round < (isSlow ? 9 : 101); round++) {
  const before = await time(baseline);
  ratios.push((await time(run)) / before);
}
ratios.sort((left, right) => left - right);

globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
await time(run);
globalThis.gc?.();
const at = (share) => ratios[Math.floor(share * (ratios.length - 1))];
console.log(
  JSON.stringify({
    operator,
    name,
    ratio: at(0.5),
    quartiles: [at(0.25), at(0.75)],
    rounds: ratios.length,
    retainedBytes: process.memoryUsage().heapUsed - heapBefore,
  }),
);
process.exit(0);
