/**
 * The base of every stage with one upstream. It asks again without recursion when an upstream answers in the same
 * call, and it ends a stream early: close the upstream, hand out what is held, then end or fail.
 */

import { afterCleanup, type Cleanup, type Ending, ignoreCleanup, SILENT, type Sink, Stage } from './stage.ts';

export abstract class Linear<I, O> extends Stage<O> implements Sink<I> {
  protected readonly upstream: Stage<I>;
  private isPulling = false;
  private isPulledAgain = false;
  private ending: Ending | undefined;

  constructor(upstream: Stage<I>) {
    super();
    this.upstream = upstream;
  }

  pull(sink: Sink<O>): void {
    this.sink = sink;
    if (this.ending === undefined) this.request();
    else this.settle(this.ending);
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
    return this.upstream.close();
  }

  /** Called on every ending, at least once: the place to give back timers and listeners. */
  protected onOver(): void {}

  /**
   * Asks the upstream for more. An upstream with items at hand answers inside `pull`, and a stage that drops them all
   * asks again from there; a loop instead of that recursion, or a million dropped items would overflow the stack.
   */
  protected request(): void {
    if (this.isPulling) {
      this.isPulledAgain = true;
      return;
    }
    this.isPulling = true;
    do {
      this.isPulledAgain = false;
      this.upstream.pull(this);
    } while (this.isPulledAgain);
    this.isPulling = false;
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
    this.ending = ending;
    if (held.length > 0) this.answer(held);
    else this.settle(ending);
  }

  private settle(ending: Ending): void {
    if (ending === 'done') this.answerDone();
    else this.answerFail(ending.error);
  }
}
