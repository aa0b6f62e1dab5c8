/**
 * The base of every stage with one upstream. It asks again without recursion when an upstream answers in the same
 * call, and it ends a stream early: close the upstream, hand out what is held, then end or fail.
 */

import { afterCleanup, type Cleanup, type Ending, ignoreCleanup, SILENT, type Sink, Stage } from './stage.ts';

export abstract class Linear<I, O> extends Stage<O> implements Sink<I> {
  readonly upstream: Stage<I>;
  /** What the next pull does in place of asking the upstream. */
  protected resume: (() => void) | undefined;
  private isPulling = false;
  private isPulledAgain = false;

  constructor(upstream: Stage<I>) {
    super();
    this.upstream = upstream;
  }

  pull(sink: Sink<O>): void {
    this.sink = sink;
    if (this.resume === undefined) this.upstream.pull(this);
    else this.goOn(this.resume);
  }

  abstract items(chunk: I[]): void;

  done(): void {
    this.onOver();
    this.answerDone();
  }

  fail(error: unknown): void {
    this.onOver();
    this.answerFail(error);
  }

  close(): Cleanup {
    this.onOver();
    this.sink = SILENT;
    this.resume = undefined;
    return this.upstream.close();
  }

  override endFromOutside(): Cleanup {
    return this.upstream.endFromOutside();
  }

  /** Called on every ending, at least once: the place to give back timers and listeners. */
  protected onOver(): void {}

  /**
   * Asks the upstream again, when its answer left nothing to hand out. An upstream with items at hand answers inside
   * `pull`; a loop in place of that recursion, or a million dropped items would overflow the stack.
   */
  protected pullAgain(): void {
    this.isPulledAgain = true;
    if (this.isPulling) return;
    this.isPulling = true;
    while (this.isPulledAgain) {
      this.isPulledAgain = false;
      if (this.resume === undefined) this.upstream.pull(this);
      else this.goOn(this.resume);
    }
    this.isPulling = false;
  }

  private goOn(resume: () => void): void {
    this.resume = undefined;
    resume();
  }

  /**
   * Ends the stream from this stage: closes the upstream, then hands out `held`, then ends as told. An error of the
   * cleanup surfaces only where there is no other.
   */
  protected endEarly(held: O[], ending: Ending): void {
    this.onOver();
    afterCleanup(this.upstream.close(), (failure) =>
      this.endWith(held, ending === 'done' ? (failure ?? ending) : ending),
    );
  }

  /** Ends the stream at once. The cleanup is started and not waited for: the upstream may be stuck. */
  protected endNow(ending: Ending): void {
    this.onOver();
    ignoreCleanup(this.upstream.close());
    this.endWith([], ending);
  }

  /** Hands out what is held and ends as told with the next pull; the upstream is over already. */
  protected endWith(held: O[], ending: Ending): void {
    const settle = () => this.answerEnding(ending);
    if (held.length > 0) {
      this.resume = settle;
      this.answer(held);
    } else if (this.isWaited) settle();
    else this.resume = settle;
  }
}
