/**
 * Sends ten million items through each pipeline and looks at the heap, garbage collected, after every million. Prints one
 * line of JSON a pipeline, in bytes above the heap before the first item. Usage: node --expose-gc heap.mjs <stream url>
 */

const { abortable, adaptiveBatch, batch, buffer, filter, forEach, map, merge, pipe, tee, timeout } = await import(
  process.argv[2]
);
const ITEMS = 10_000_000;
const STEP = ITEMS / 10;

async function* numbers(count) {
  for (let item = 0; item < count; item++) yield item;
}

const heap = () => {
  globalThis.gc();
  return process.memoryUsage().heapUsed;
};

const signal = new AbortController().signal;
const pipelines = {
  'map, filter, map': () => pipe(numbers(ITEMS), map(String), filter(Boolean), map(Number)),
  'merge of 10': () => merge(...Array.from({ length: 10 }, () => numbers(ITEMS / 10))),
  'merge with a source that stays silent': () => merge(numbers(ITEMS), silent()),
  'buffer(1000), batch by count and time': () =>
    pipe(numbers(ITEMS), buffer({ capacity: 1000 }), batch({ maxItems: 100, maxMs: 5 })),
  'timeout, abortable, adaptiveBatch': () =>
    pipe(numbers(ITEMS), timeout({ idleMs: 60_000 }), abortable(signal), adaptiveBatch()),
  'both branches of a tee': () => merge(...tee(numbers(ITEMS / 2))),
};

async function* silent() {
  await new Promise(() => {});
  yield 0;
}

for (const [pipeline, open] of Object.entries(pipelines)) {
  const before = heap();
  const samples = [];
  let count = 0;
  let next = STEP;
  const stream = open();
  await pipe(
    stream,
    forEach((item) => {
      count += Array.isArray(item) ? item.length : 1;
      if (count < next) return undefined;
      next += STEP;
      samples.push(heap() - before);
      // The merge with the silent source does not end by itself.
      return count >= ITEMS ? stream.return() : undefined;
    }),
  );
  console.log(JSON.stringify({ pipeline, first: samples[0], last: samples.at(-1), retained: heap() - before }));
}
process.exit(0);
