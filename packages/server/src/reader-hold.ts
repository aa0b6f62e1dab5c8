import type { ServerRequest } from './server-request.ts';

/** What can be held: a run, here or elsewhere. */
export interface Held {
  /** Somebody reads it. */
  enter(): void;
  /** Somebody who did reads it no longer. */
  leave(): void;
}

/**
 * One reader's hold on a run, until it is released or its request is over. While it is held, the run has somebody to run for.
 * Each open connection has one, so it has a signal of its own only where somebody asks for it.
 */
export class ReaderHold {
  private readonly run: Held;
  // The body of the answer has this, and with it the request, whose signal follows its maker's only while somebody holds it.
  private readonly request: ServerRequest;
  private controller: AbortController | undefined;
  isReleased = false;

  constructor(run: Held, request: ServerRequest) {
    this.run = run;
    this.request = request;
    run.enter();
    request.signal.addEventListener('abort', this.release);
    if (request.signal.aborted) this.release();
  }

  /** Aborts when the request does. */
  get requestSignal(): AbortSignal {
    return this.request.signal;
  }

  /** Aborts on release. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.isReleased) this.controller.abort(released);
    return this.controller.signal;
  }

  /** Lets go. Only the first call counts. */
  readonly release = (): void => {
    if (this.isReleased) return;
    this.isReleased = true;
    this.request.signal.removeEventListener('abort', this.release);
    this.controller?.abort(released);
    this.run.leave();
  };
}

/** Why a reader's signal aborts: the same for all, because the one that `abort()` makes by itself costs a stack. */
const released = new DOMException('The reader has let go.', 'AbortError');
