/**
 * The base of stages that read one upstream at their own pace: ahead of the reader, or past an answer that a timer has
 * given in its place.
 */

import { Queue } from './queue.ts';
import { afterCleanup, type Cleanup, type Ending, ignoreCleanup, type Sink, type Stage } from './stage.ts';

export abstract class Pump<I, O> extends Queue<O> implements Sink<I> {
  protected readonly upstream: Stage<I>;
  private isOpen = false; // a pull on the upstream has not been answered
  private isPulling = false; // … and has not returned either
  private isUpstreamOver = false;

  constructor(upstream: Stage<I>, capacity?: number) {
    super(capacity);
    this.upstream = upstream;
  }

  /** Whether to read on now. Asked after each pull of the reader and each answer of the upstream. */
  protected abstract wantsMore(): boolean;

  /** Takes items of the upstream in. If it throws, the stream fails. */
  protected abstract take(chunk: I[]): void;

  /** Lets out what is still held, when the upstream is over. */
  protected flush(): void {}

  items(chunk: I[]): void {
    this.isOpen = false;
    if (this.isEnded) return;
    try {
      this.take(chunk);
    } catch (error) {
      this.endEarly({ error });
    }
    this.read();
  }

  done(): void {
    this.overWith('done');
  }

  fail(error: unknown): void {
    this.overWith({ error });
  }

  override endFromOutside(): Cleanup {
    return this.upstream.endFromOutside();
  }

  protected onPull(): void {
    this.read();
  }

  /** Reads the upstream for as long as it is wanted. A loop, because the upstream may answer inside `pull`. */
  protected read(): void {
    if (this.isPulling) return;
    this.isPulling = true;
    while (!this.isOpen && !this.isUpstreamOver && !this.isEnded && this.wantsMore()) {
      this.isOpen = true;
      this.upstream.pull(this);
    }
    this.isPulling = false;
  }

  /** The upstream is over. By default that ends the stream, behind what is held. */
  protected onSourceOver(ending: Ending): void {
    this.flush();
    this.finish(ending);
  }

  /** Ends the stream from this stage, behind what is queued, once an idle upstream has been cleaned up. */
  protected endEarly(ending: Ending): void {
    afterCleanup(this.closeSources(), (failure) => this.finish(ending === 'done' ? (failure ?? ending) : ending));
  }

  /** Ends the stream at once, behind what is queued. The cleanup is started and not waited for. */
  protected endNow(ending: Ending): void {
    this.finish(ending);
    ignoreCleanup(this.closeSources());
  }

  protected override closeSources(): Cleanup {
    this.isUpstreamOver = true;
    return this.upstream.close();
  }

  private overWith(ending: Ending): void {
    this.isOpen = false;
    this.isUpstreamOver = true;
    if (this.isEnded) return;
    try {
      this.onSourceOver(ending);
    } catch (error) {
      this.finish({ error });
    }
  }
}
