/**
 * Reads an application's generator, and can abandon one that does not stop. `read()` rejects with the signal's reason
 * the moment the signal aborts, whatever the generator is waiting for; `stop()` then gives the generator a bounded time
 * to run its `finally` blocks. An abandoned generator may go on, but nobody reads its values, so they never reach the
 * store.
 *
 * This code runs once per token, so it makes no promise of its own per event. (`Promise.race` against the signal would
 * also keep one reaction per event until the run ends.)
 */
import { type Clock, settlesWithin } from './clock.ts';

/** A class and not closures: there is one per run, and each token finds it out of the processor's caches. */
export class GuardedSource<T> {
  private readonly iterator: AsyncIterator<T>;
  // Looked up once, as `for await` does: every generator function has a prototype of its own, so no inline cache would
  // help.
  private readonly next: AsyncIterator<T>['next'];
  private readonly signal: AbortSignal;
  private readonly clock: Clock;
  /** `taking`: a value is being processed. `aborted`: the signal fired while that was so. */
  private state: 'waiting' | 'taking' | 'aborted' | 'stopped' | 'ended' = 'taking';
  /** Whether a call of `next()` has not settled yet. */
  private isPending = false;
  /** Called when that `next()` settles after the stop. */
  private onSettled: (() => void) | undefined;
  private take!: (value: T) => Promise<void> | undefined;
  private resolve!: () => void;
  private reject!: (error: unknown) => void;

  constructor(source: AsyncIterable<T>, signal: AbortSignal, clock: Clock) {
    this.iterator = source[Symbol.asyncIterator]();
    this.next = this.iterator.next;
    this.signal = signal;
    this.clock = clock;
  }

  /**
   * Passes every value to `take`, one at a time. A promise that `take` returns is awaited, also when the signal aborts
   * meanwhile. Resolves at the end of the source; rejects with its error, with what `take` throws or with the signal's
   * reason. Call it once.
   */
  read(take: (value: T) => Promise<void> | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.take = take;
      this.resolve = resolve;
      this.reject = reject;
      if (this.signal.aborted) this.state = 'aborted';
      else this.signal.addEventListener('abort', this.onAbort, { once: true });
      this.pull();
    });
  }

  /** Ends the source. Resolves when it has ended or `graceMs` have passed; never rejects. */
  async stop(graceMs: number): Promise<void> {
    this.unlisten();
    if (this.state === 'ended') return;
    this.state = 'stopped';
    // For a generator, `return()` queues behind the pending `next()`; other iterators may end at once.
    const returned = (async () => this.iterator.return?.())().catch(() => {});
    await settlesWithin(Promise.all([this.settled(), returned]), graceMs, this.clock);
  }

  private settled(): Promise<void> | undefined {
    if (!this.isPending) return undefined;
    return new Promise((resolve) => {
      this.onSettled = resolve;
    });
  }

  private pull(): void {
    if (this.state !== 'taking') {
      if (this.state === 'aborted') this.fail(this.signal.reason);
      return;
    }
    this.state = 'waiting';
    this.isPending = true;
    try {
      this.next.call(this.iterator).then(this.onStep, this.onError);
    } catch (error) {
      this.onError(error);
    }
  }

  private readonly onStep = (step: IteratorResult<T>): void => {
    this.isPending = false;
    // A value that arrives after the stop is dropped.
    if (this.state === 'stopped') return this.onSettled?.();
    try {
      // Throws if the result is not an object. The reader must be told, because nobody else would hear of it.
      if (step.done === true) {
        this.state = 'ended';
        this.unlisten();
        this.resolve();
        return;
      }
      this.state = 'taking';
      const taken = this.take(step.value);
      if (taken === undefined) this.pull();
      else
        taken.then(
          () => this.pull(),
          (error) => this.fail(error),
        );
    } catch (error) {
      this.fail(error);
    }
  };

  private readonly onError = (error: unknown): void => {
    this.isPending = false;
    if (this.state === 'stopped') return this.onSettled?.();
    this.state = 'ended';
    this.unlisten();
    this.reject(error);
  };

  private fail(error: unknown): void {
    if (this.state !== 'ended') this.state = 'stopped';
    this.reject(error);
  }

  private readonly onAbort = (): void => {
    if (this.state === 'waiting') this.fail(this.signal.reason);
    else if (this.state === 'taking') this.state = 'aborted';
  };

  private unlisten(): void {
    this.signal.removeEventListener('abort', this.onAbort);
  }
}
