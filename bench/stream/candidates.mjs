/**
 * The contestants: this package, what people write by hand, the platform's streams, and peers from npm if they can be
 * found. Every operator takes a source and gives an async iterable; a missing one is left out of the table.
 */

import { createRequire } from 'node:module';
import * as ns from 'node:stream';
import { pathToFileURL } from 'node:url';

/** Loads the contestants; `peersFrom` is a folder with a node_modules that has the peers. */
export async function loadCandidates(streamUrl, peersFrom) {
  const s = await import(streamUrl);
  const chain4 = [s.map((x) => x + 1), s.filter((x) => x >= 0), s.map((x) => x * 2), s.map((x) => x - 1)];
  const ours = {
    map: (source, fn) => s.map(fn)(source),
    filter: (source, fn) => s.filter(fn)(source),
    chain4: (source) => s.pipe(source, ...chain4),
    merge: (sources) => s.merge(...sources),
    batch: (source, maxItems) => s.batch({ maxItems })(source),
    batchTime: (source, maxItems, maxMs) => s.batch({ maxItems, maxMs })(source),
    buffer: (source, capacity) => s.buffer({ capacity })(source),
    tee: (source) => s.tee(source),
    forEach: (source, sink) => s.forEach(sink)(source),
    chunks: s.CHUNKS,
  };
  const candidates = {
    '@chatkit/stream': ours,
    'floor, by hand': byHand,
    'async generators': generators,
    'web streams': web,
    'node:stream': node,
  };
  if (peersFrom !== undefined) Object.assign(candidates, await loadPeers(peersFrom));
  return candidates;
}

async function loadPeers(folder) {
  const require = createRequire(pathToFileURL(`${folder}/`));
  const load = async (name) => {
    try {
      return await import(pathToFileURL(require.resolve(name)).href);
    } catch {
      console.warn(`SKIPPED: ${name} is not installed in ${folder}`);
      return undefined;
    }
  };
  const peers = {};
  const si = await load('streaming-iterables');
  if (si) {
    peers['streaming-iterables'] = {
      map: (source, fn) => si.map(fn, source),
      filter: (source, fn) => si.filter(fn, source),
      merge: (sources) => si.parallelMerge(...sources),
      batch: (source, n) => si.batch(n, source),
      batchTime: (source, n, ms) => si.batchWithTimeout(n, ms, source),
      buffer: (source, n) => si.buffer(n, source),
    };
  }
  const ix = await load('ix/Ix.asynciterable');
  const ixo = await load('ix/Ix.asynciterable.operators');
  if (ix && ixo) {
    const run = (source, ...operators) => ix.from(source).pipe(...operators);
    peers.ix = {
      map: (source, fn) => run(source, ixo.map(fn)),
      filter: (source, fn) => run(source, ixo.filter(fn)),
      merge: (sources) => ix.merge(...sources.map((source) => ix.from(source))),
      batch: (source, n) => run(source, ixo.buffer(n)),
      batchTime: (source, n, ms) => run(source, ixo.bufferCountOrTime(n, ms)),
    };
  }
  const rx = await load('rxjs');
  const rxi = await load('rxjs-for-await');
  if (rx && rxi) {
    const run = (source, ...operators) => rxi.eachValueFrom(rx.from(source).pipe(...operators));
    peers['rxjs (for await)'] = {
      map: (source, fn) => run(source, rx.map(fn)),
      filter: (source, fn) => run(source, rx.filter(fn)),
      merge: (sources) => rxi.eachValueFrom(rx.merge(...sources.map((source) => rx.from(source)))),
      batch: (source, n) => run(source, rx.bufferCount(n)),
    };
  }
  return peers;
}

/**
 * The least that keeps the contract for one operator: a `then` on the source's promise, and a promise of its own, which
 * return() can settle while the source is silent. No errors, no queue, no chunks: what nobody can be faster than.
 */
class MapByHand {
  constructor(source, fn) {
    this.iterator = source[Symbol.asyncIterator]();
    this.nextOf = this.iterator.next; // looked up once, as `for await` does
    this.resolve = undefined;
    this.reject = undefined;
    this.onResult = (result) => {
      const { resolve } = this;
      this.resolve = undefined;
      if (resolve) resolve(result.done ? result : { value: fn(result.value), done: false });
    };
    this.onError = (error) => this.reject(error);
  }
  [Symbol.asyncIterator]() {
    return this;
  }
  next() {
    const promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.nextOf.call(this.iterator).then(this.onResult, this.onError);
    return promise;
  }
  async return() {
    this.resolve?.({ value: undefined, done: true });
    this.resolve = undefined;
    return this.iterator.return();
  }
}
const byHand = { map: (source, fn) => new MapByHand(source, fn) };

const generators = {
  async *map(source, fn) {
    for await (const item of source) yield fn(item);
  },
  async *filter(source, fn) {
    for await (const item of source) if (fn(item)) yield item;
  },
  async *merge(sources) {
    const iterators = sources.map((source) => source[Symbol.asyncIterator]());
    const next = (index) => iterators[index].next().then((result) => ({ index, result }));
    const pending = iterators.map((_, index) => next(index));
    const never = new Promise(() => {});
    for (let open = iterators.length; open > 0; ) {
      const { index, result } = await Promise.race(pending);
      pending[index] = result.done ? never : next(index);
      if (result.done) open--;
      else yield result.value;
    }
  },
  async *batch(source, n) {
    let items = [];
    for await (const item of source) {
      items.push(item);
      if (items.length >= n) {
        yield items;
        items = [];
      }
    }
    if (items.length > 0) yield items;
  },
};

const through = (source, transform) => ReadableStream.from(source).pipeThrough(new TransformStream(transform));
const web = {
  map: (source, fn) => through(source, { transform: (item, controller) => controller.enqueue(fn(item)) }),
  filter: (source, fn) => through(source, { transform: (item, controller) => fn(item) && controller.enqueue(item) }),
  buffer: (source, n) =>
    ReadableStream.from(source).pipeThrough(new TransformStream({}, { highWaterMark: 1 }, { highWaterMark: n })),
  tee: (source) => ReadableStream.from(source).tee(),
};

const node = {
  map: (source, fn) => ns.Readable.from(source).map(fn),
  filter: (source, fn) => ns.Readable.from(source).filter(fn),
  buffer: (source, n) => ns.Readable.from(source, { highWaterMark: n }),
};
