/**
 * Reads an application's generator, and can let go of it. `read()` rejects with the signal's reason the moment the
 * signal aborts, whatever the generator is waiting for; `stop()` then gives it a bounded time to run its `finally`
 * blocks and abandons it after that. An abandoned generator may go on, but nobody reads its values, so they never reach
 * the store.
 *
 * It runs once per token, so it is written without a promise of its own per event. (`Promise.race` against the signal
 * would besides keep one reaction per event until the run ends.)
 */
import { type Clock, settlesWithin } from './clock.ts';

/** A class: there is one for each run, and each token finds it cold. */
export class GuardedSource<T> {
  private readonly iterator: AsyncIterator<T>;
  // Looked up once, as `for await` does: every generator function makes a type of its own, so no lookup would be
  // cached.
  private readonly next: AsyncIterator<T>['next'];
  private readonly signal: AbortSignal;
  private readonly clock: Clock;
  /** `aborted`: while the value was being taken. */
  private state: 'waiting' | 'taking' | 'aborted' | 'stopped' | 'ended' = 'taking';
  /** Whether a `next()` has not settled. */
  private isPending = false;
  /** Who waits for that after the stop. */
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
   * Hands over every value, one at a time: a promise that `take` returns is waited for, an abort waits for it too.
   * Resolves at the end of the source; rejects with its error, with what `take` throws or with the signal's reason.
   * Called once.
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
    const returned = Promise.resolve(this.iterator.return?.()).catch(() => {});
    await settlesWithin(Promise.all([this.settled(), returned]), graceMs, this.clock);
  }

  private settled(): Promise<void> | undefined {
    if (!this.isPending) return undefined;
    return new Promise((resolve) => {
      this.onSettled = resolve;
    });
  }

  private readonly pull = (): void => {
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
  };

  private readonly onStep = (step: IteratorResult<T>): void => {
    this.isPending = false;
    // What comes after the stop is nobody's.
    if (this.state === 'stopped') return this.onSettled?.();
    if (step.done === true) {
      this.state = 'ended';
      this.unlisten();
      this.resolve();
      return;
    }
    this.state = 'taking';
    try {
      const taken = this.take(step.value);
      if (taken === undefined) this.pull();
      else taken.then(this.pull, this.fail);
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

  private readonly fail = (error: unknown): void => {
    if (this.state !== 'ended') this.state = 'stopped';
    this.reject(error);
  };

  private readonly onAbort = (): void => {
    if (this.state === 'waiting') this.fail(this.signal.reason);
    else if (this.state === 'taking') this.state = 'aborted';
  };

  private unlisten(): void {
    this.signal.removeEventListener('abort', this.onAbort);
  }
}
