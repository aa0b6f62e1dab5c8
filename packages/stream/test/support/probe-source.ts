/**
 * A source under control of the test, which counts what is done to it. It keeps the iterator protocol: one `next()` at
 * a time, `return()` answers at once and settles the pending `next()`, unless it is told to be stuck.
 */

type Pending<T> = { resolve: (result: IteratorResult<T, undefined>) => void; reject: (error: unknown) => void };

export class ProbeSource<T> implements AsyncIterable<T> {
  opened = 0;
  nexts = 0;
  nextsAfterEnd = 0;
  inFlight = 0;
  maxInFlight = 0;
  returns = 0;
  isOver = false;
  /** `return()` is answered when this resolves. */
  cleanup: Promise<void> | undefined;
  /** As an async generator would: `return()` waits behind the pending `next()`. */
  isStuck = false;
  private readonly ready: T[] = [];
  private ending: { error: unknown } | 'done' | undefined;
  private pending: Pending<T> | undefined;

  constructor(items: Iterable<T> = []) {
    this.ready.push(...items);
  }

  get isOpen(): boolean {
    return this.opened > 0 && !this.isOver && this.returns === 0;
  }

  push(item: T): this {
    if (this.ending !== undefined || this.returns > 0) return this;
    if (this.pending === undefined) this.ready.push(item);
    else this.take().resolve({ done: false, value: item });
    return this;
  }

  end(): this {
    return this.finish('done');
  }

  fail(error: unknown): this {
    return this.finish({ error });
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    this.opened++;
    return {
      next: () => {
        this.nexts++;
        if (this.isOver || this.returns > 0) {
          this.nextsAfterEnd++;
          return Promise.resolve({ done: true, value: undefined });
        }
        if (this.ready.length > 0) return Promise.resolve({ done: false, value: this.ready.shift() as T });
        if (this.ending !== undefined) return this.conclude();
        this.inFlight++;
        this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
        return new Promise((resolve, reject) => {
          this.pending = { resolve, reject };
        });
      },
      return: async () => {
        this.returns++;
        if (this.isStuck && this.pending !== undefined) await new Promise(() => {});
        if (this.pending !== undefined) this.take().resolve({ done: true, value: undefined });
        await this.cleanup;
        return { done: true, value: undefined };
      },
    };
  }

  private finish(ending: { error: unknown } | 'done'): this {
    if (this.ending !== undefined || this.returns > 0) return this;
    this.ending = ending;
    if (this.pending === undefined) return this;
    const { resolve, reject } = this.take();
    this.conclude().then(resolve, reject);
    return this;
  }

  private async conclude(): Promise<IteratorResult<T, undefined>> {
    this.isOver = true;
    if (this.ending === 'done') return { done: true, value: undefined };
    throw (this.ending as { error: unknown }).error;
  }

  private take(): Pending<T> {
    const pending = this.pending as Pending<T>;
    this.pending = undefined;
    this.inFlight--;
    return pending;
  }
}

/** How a promise stands, after everything that is ready has run. */
export async function stateOf<T>(
  promise: Promise<T>,
): Promise<{ state: 'pending' } | { state: 'fulfilled'; value: T } | { state: 'rejected'; error: unknown }> {
  let state: Awaited<ReturnType<typeof stateOf<T>>> = { state: 'pending' };
  promise.then(
    (value) => {
      state = { state: 'fulfilled', value };
    },
    (error) => {
      state = { state: 'rejected', error };
    },
  );
  for (let tick = 0; tick < 20; tick++) await Promise.resolve();
  return state;
}
