/**
 * The base of stages whose items arrive on their own, whether or not anybody waits: pushed by the user, read ahead, or
 * let out by a timer. Items go to the waiting reader in the same call, else into a queue that the next pull empties
 * by the chunk. Subclasses keep the bound, by `held`.
 */

import { Ring } from './ring.ts';
import { type Cleanup, type Ending, SILENT, type Sink, Stage } from './stage.ts';
import { inNextTurn, isOverBudget } from './time-budget.ts';

export abstract class Queue<T> extends Stage<T> {
  protected readonly queue: Ring<T> = new Ring();
  // How many items of the last chunk the reader has not come to yet, as far as can be known: all but the first, until
  // it pulls again. They count as held, so that handing out chunks does not double the bound.
  private lent = 0;
  private ending: Ending | undefined;
  private resting: Sink<T> | undefined; // has asked, and waits for the event loop to have had a turn

  // The most items that one pull takes out. Half of the bound, so that the other half can be refilled meanwhile.
  private readonly maxChunk: number;

  constructor(capacity = Number.POSITIVE_INFINITY) {
    super();
    this.maxChunk = Math.min(256, Math.ceil(capacity / 2) || 1);
  }

  pull(sink: Sink<T>): void {
    this.lent = 0;
    if (this.queue.size === 0 || !isOverBudget(Math.min(this.queue.size, this.maxChunk))) {
      this.serve(sink);
      return;
    }
    // As if the reader had asked a turn later: what arrives until then queues up behind what is there.
    this.resting = sink;
    inNextTurn(() => {
      const { resting } = this;
      this.resting = undefined;
      if (resting !== undefined) this.serve(resting);
    });
  }

  close(): Cleanup {
    this.sink = SILENT;
    this.resting = undefined;
    this.queue.clear();
    this.ending = 'done';
    this.onOver();
    return this.closeSources();
  }

  override endFromOutside(): Cleanup {
    const { resting } = this;
    const cleanup = super.endFromOutside();
    resting?.done();
    return cleanup;
  }

  protected takeChunk(): T[] {
    return this.queue.take(this.maxChunk);
  }

  /** Called after each pull. If `isWaited`, there was nothing at hand. */
  protected abstract onPull(): void;

  /** Closes whatever the items come from. */
  protected closeSources(): Cleanup {
    return undefined;
  }

  /** Called on every ending, at least once: the place to give back timers and listeners. */
  protected onOver(): void {}

  protected get held(): number {
    return this.queue.size + this.lent;
  }

  /** No more items are taken; the reader may still have some to read. */
  protected get isEnded(): boolean {
    return this.ending !== undefined;
  }

  protected offer(item: T): void {
    if (this.isEnded) return;
    if (this.isWaited) this.answer([item]);
    else this.queue.push(item);
  }

  /** Gives the chunk away. */
  protected offerAll(chunk: T[]): void {
    if (this.isEnded || chunk.length === 0) return;
    if (this.isWaited) this.answer(this.lend(chunk));
    else for (const item of chunk) this.queue.push(item);
  }

  /** Ends the stream behind what is queued. Only the first call counts. */
  protected finish(ending: Ending): void {
    if (this.isEnded) return;
    this.ending = ending;
    this.onOver();
    if (this.isWaited) this.answerEnding(ending);
  }

  private serve(sink: Sink<T>): void {
    this.sink = sink;
    if (this.queue.size > 0) this.answer(this.lend(this.takeChunk()));
    else if (this.ending !== undefined) this.answerEnding(this.ending);
    this.onPull();
  }

  private lend(chunk: T[]): T[] {
    this.lent = chunk.length - 1;
    return chunk;
  }
}
