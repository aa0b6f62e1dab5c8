import type { ServerRequest } from './server-request.ts';

/** What counts its readers: a run, here or on another machine. */
export interface Held {
  /** A reader has come. */
  enter(): void;
  /** A reader has gone. */
  leave(): void;
}

/**
 * One reader's hold on a run, until it is released or its request aborts. A run without holds ends or goes on as its
 * disconnect policy says. Each open connection has one, so its own signal is made only when somebody asks for it.
 */
export class ReaderHold {
  private readonly run: Held;
  // The reply's body keeps this alive and thereby the request. A runtime may stop propagating aborts to
  // `request.signal` once the request is garbage-collected.
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

  /** Releases the hold. Only the first call counts. */
  readonly release = (): void => {
    if (this.isReleased) return;
    this.isReleased = true;
    this.request.signal.removeEventListener('abort', this.release);
    this.controller?.abort(released);
    this.run.leave();
  };
}

/**
 * The abort reason of every reader's signal. Shared, because the one that `abort()` makes by default captures a stack.
 */
const released = new DOMException('The reader has let go.', 'AbortError');
