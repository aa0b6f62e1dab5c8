/**
 * A run of a session: the reply to one request, on its way to the client. First the head goes out, then the body in
 * messages, as fast as both the socket and the client's window for this run allow. A run that is dropped says nothing
 * any more: its request is aborted and its body closed.
 */
import { type Clock, from, type Stream } from '@chatkit/stream';
import { type Deadline, deadline, type Failure } from '@chatkit/stream/engine';
import { pumpText, type TextSink } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import { formatServerMessage, type OpenMessage } from './protocol.ts';
import type { SocketPort } from './socket-port.ts';

/** Answers a request, as over HTTP. `request.signal` aborts when the client closes the run or the socket is gone. */
export type Answer = (request: Request) => Promise<Reply> | Reply;

/**
 * The longest message of body text is as long as everything the run has sent before, within these bounds. Nothing
 * arrives of a WebSocket message that is cut off, unlike of an HTTP body, so on a connection that breaks early and
 * often only short messages make progress. Price: seven more messages for a run that sends much at once.
 */
const firstMessageLength = 1024;
const longestMessageLength = 64 * 1024;

/** Headers that only the handshake or a proxy can vouch for; a client's claims are not copied into the `Request`. */
const ownHeaders =
  /^(?:cookie|host|origin|forwarded|via|connection|upgrade|sec-.*|proxy-.*|x-forwarded-.*|x-real-ip)$/i;

/** How long a run may wait for its client to read on, and what is called then. */
export interface Patience {
  readonly clock: Clock;
  readonly stuckMs: number;
  readonly onStuck: () => void;
}

/** The run that `open` asks for; `undefined` if that is not a request. It begins with {@link OpenRun.serve}. */
export function createRun(
  port: SocketPort,
  id: string,
  { open, window }: { readonly open: OpenMessage; readonly window: number },
  patience: Patience,
): OpenRun | undefined {
  const controller = new AbortController();
  const request = toRequest(open, controller.signal);
  return request === undefined ? undefined : new OpenRun(port, id, request, controller, window, patience);
}

export class OpenRun implements TextSink {
  private readonly port: SocketPort;
  private readonly id: string;
  /** Kept here because its signal follows the controller's only while the request is referenced. */
  private readonly request: Request;
  private readonly controller: AbortController;
  private state: 'open' | 'dropped' = 'open';
  private body: Stream<string> | undefined;
  /** How much more body text the client accepts. */
  private window: number;
  /** How much body text has been sent. */
  private sent = 0;
  /** Resumes sending, when the window opens or the run is dropped. */
  private wake: (() => void) | undefined;
  private readonly patience: Patience;
  /** Set while the window is used up. */
  private readonly stuck: Deadline;
  /** Called by the pump when nothing more comes. */
  end: (failure?: Failure) => void = ignore;

  constructor(
    port: SocketPort,
    id: string,
    request: Request,
    controller: AbortController,
    window: number,
    patience: Patience,
  ) {
    this.port = port;
    this.id = id;
    this.request = request;
    this.controller = controller;
    this.window = window;
    this.patience = patience;
    this.stuck = deadline(patience.clock, patience.onStuck);
  }

  /** Sends the reply. Resolves when all of it is sent or the run is dropped; rejects if `answer` or the body fails. */
  async serve(answer: Answer): Promise<void> {
    const { status, headers, body } = await answer(this.request);
    const source = body === null ? undefined : from(typeof body === 'string' ? [body] : body);
    if (this.isOver) {
      source?.return().catch(ignore);
      return;
    }
    this.body = source;
    const room = this.port.send(formatServerMessage(this.id, 'head', JSON.stringify({ status, headers })));
    // Every run, even without a body, stays open until the socket has room, so `maxRuns` bounds what a client can make
    // us hold.
    if (room !== undefined) await room;
    if (source === undefined || this.isOver) return;
    await new Promise<void>((resolve, reject) => {
      this.end = (failure) => (failure === undefined ? resolve() : reject(failure.error));
      pumpText(source, this);
    });
  }

  /** The client accepts this much more body text. */
  extend(more: number): void {
    this.window += more;
    if (this.window <= 0) return;
    this.stuck.clear();
    this.wake?.();
  }

  /** Ends a run that nobody reads any more. */
  drop(): void {
    this.state = 'dropped';
    this.stuck.clear();
    this.controller.abort(new DOMException('The client has left.', 'AbortError'));
    this.body?.return().catch(ignore);
    this.wake?.();
  }

  get isOver(): boolean {
    return this.state === 'dropped';
  }

  write(text: string): Promise<void> | undefined {
    let at = 0;
    while (!this.isOver) {
      const end = endOfMessage(text, at, this.sent);
      const taken = this.send(text.slice(at, end));
      if (end === text.length) return taken;
      if (taken !== undefined) return taken.then(() => this.write(text.slice(end)));
      at = end;
    }
    return undefined;
  }

  /** Sends one message of body text. Returns a promise if the next one must wait for the socket or for the window. */
  private send(text: string): Promise<void> | undefined {
    const drained = this.port.send(formatServerMessage(this.id, 'body', text));
    this.sent += text.length;
    this.window -= text.length;
    if (this.window > 0 || this.isOver) return drained;
    return Promise.all([drained, this.opened()]).then(ignore);
  }

  private opened(): Promise<void> {
    const { clock, stuckMs } = this.patience;
    this.stuck.set(clock.now() + stuckMs);
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

/** Where a message that begins at `at` ends: never inside a surrogate pair, whose halves would be lost in UTF-8. */
function endOfMessage(text: string, at: number, sent: number): number {
  const end = at + Math.min(Math.max(firstMessageLength, sent), longestMessageLength);
  if (end >= text.length) return text.length;
  return (text.charCodeAt(end - 1) & 0xfc00) === 0xd800 ? end - 1 : end;
}

function toRequest({ method, path, headers, body }: OpenMessage, signal: AbortSignal): Request | undefined {
  try {
    const kept = Object.entries(headers).filter(([name]) => !ownHeaders.test(name));
    // The host is a placeholder: as over HTTP, only path and query are used.
    return new Request(`http://localhost${path}`, { method, headers: new Headers(kept), body, signal });
  } catch {
    return undefined;
  }
}

function ignore(): void {}
