/**
 * The Node adapter: a `Reply` written to a `ServerResponse`, for `node:http`, `node:http2`, Express and Fastify's `raw`.
 * It waits for the kernel to take what was written before it reads on, and it never waits for a client that has gone:
 * `drain` is raced against `close` (a promise that waits for `drain` alone stays pending for ever when the client leaves).
 */
import type { ServerResponse } from 'node:http';
import { from, type Stream } from '@chatkit/stream';
import { pumpText, type TextSink } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import type { BodySink } from './body-sink.ts';
import { GzipWriter } from './gzip-writer.ts';
import { negotiateGzip } from './negotiate-gzip.ts';
import { ResponseWriter } from './response-writer.ts';

/** What {@link writeReply} can be told. */
export interface WriteReplyOptions {
  /** Called once, at once, when the client goes away before the end: the place to abort the work behind the body. */
  onDisconnect?: (() => void) | undefined;
  /**
   * How long the connection may take to accept one write (about 32 KiB at most) before it is closed; the client can resume
   * from the last id it has. Default 30,000 ms; `Infinity` for never.
   */
  stuckMs?: number | undefined;
  /**
   * Whether a streamed body may be gzip, if the client asks for that: each event a tenth of its size and readable at once, for
   * several times the CPU and 100 to 200 KB a connection. Not for bodies in which a secret stands beside text that an attacker can
   * choose: the size would tell of the secret (BREACH). Default `false`.
   */
  compress?: boolean | undefined;
}

/**
 * Writes a reply. Headers leave at once, or with the first text if that is ready in the same turn.
 *
 * @returns A promise that resolves when everything has been handed to the connection or the client has gone, and rejects
 *   with the body's error (the connection is cut then, after what came before, so that the client sees no clean end).
 *
 * @example
 * createServer(async (request, response) => {
 *   await writeReply(await handle(request), response);
 * });
 */
export function writeReply(reply: Reply, response: ServerResponse, options: WriteReplyOptions = {}): Promise<void> {
  const { status, body } = reply;
  const hasNoBody = response.req?.method === 'HEAD' || status === 204 || status === 304;
  const isStream = body !== null && typeof body !== 'string';
  const { headers, isGzip } =
    isStream && options.compress === true ? negotiateGzip(reply.headers, response) : { ...reply, isGzip: false };
  response.writeHead(status, headers);
  if (isStream && !hasNoBody) return stream(body, response, options, isGzip ? GzipWriter : ResponseWriter);
  response.end(hasNoBody ? undefined : body);
  // A body that is never read is returned all the same, so that its owner can let go of what it holds.
  if (isStream) return from(body).return().then(ignore, ignore);
  return Promise.resolve();
}

type MakeSink = new (response: ServerResponse, onRoom: () => void) => BodySink;

const stream = (
  body: AsyncIterable<string>,
  response: ServerResponse,
  options: WriteReplyOptions,
  Writer: MakeSink,
): Promise<void> =>
  new Promise((resolve, reject) => new BodyWriter(from(body), response, options, Writer, resolve, reject).start());

/** The writing of one body. A class for the reason that `Pump` is one: there is one for every open connection. */
class BodyWriter implements TextSink {
  private readonly source: Stream<string>;
  private readonly response: ServerResponse;
  private readonly options: WriteReplyOptions;
  private readonly resolve: () => void;
  private readonly reject: (error: unknown) => void;
  private readonly sink: BodySink;
  private state: 'open' | 'ended' | 'over' = 'open';
  private hasStarted = false;
  private hasRoom: (() => void) | undefined;
  private stuckTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    source: Stream<string>,
    response: ServerResponse,
    options: WriteReplyOptions,
    Writer: MakeSink,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.source = source;
    this.response = response;
    this.options = options;
    this.resolve = resolve;
    this.reject = reject;
    this.sink = new Writer(response, this.onRoom);
  }

  get isOver(): boolean {
    return this.state === 'over';
  }

  start(): void {
    const { response } = this;
    response.on('close', this.onClose);
    // An 'error' without a listener would end the process; 'close' follows it.
    response.on('error', ignore);
    if (response.destroyed || response.closed) {
      this.onClose();
      return;
    }
    process.nextTick(() => {
      if (!this.hasStarted && this.state === 'open') response.flushHeaders();
    });
    pumpText(this.source, this).then(
      () => this.end(),
      (error) => this.fail(error),
    );
  }

  write(text: string): Promise<void> | undefined {
    this.hasStarted = true;
    if (this.sink.write(text)) return undefined;
    this.startStuckTimer();
    return new Promise((done) => {
      this.hasRoom = done;
    });
  }

  private readonly onRoom = (): void => {
    clearTimeout(this.stuckTimer);
    this.hasRoom?.();
  };

  // A timer by hand: the operators of the stream package time what a source gives, this is about what a sink takes.
  private startStuckTimer(): void {
    const { stuckMs = 30_000 } = this.options;
    if (stuckMs !== Number.POSITIVE_INFINITY) this.stuckTimer = setTimeout(() => this.response.destroy(), stuckMs);
  }

  private end(): void {
    if (this.state === 'over') return;
    this.state = 'ended';
    this.startStuckTimer();
    this.sink.end(() => {
      this.settle();
      this.resolve();
    });
  }

  private fail(error: unknown): void {
    if (this.state === 'over') return;
    this.settle();
    cut(this.response);
    this.reject(error);
  }

  private readonly onClose = (): void => {
    const wasOpen = this.state === 'open';
    this.settle();
    if (wasOpen) {
      this.options.onDisconnect?.();
      // Started, not waited for: a generator that is inside an `await` comes to its `finally` when that settles.
      this.source.return().catch(ignore);
      this.hasRoom?.();
    }
    this.resolve();
  };

  private settle(): void {
    this.state = 'over';
    clearTimeout(this.stuckTimer);
    this.sink.close();
    this.response.off('close', this.onClose);
  }
}

/** Ends a connection so that the client gets what was written and then sees a cut, not an end. */
function cut(response: ServerResponse): void {
  const { socket } = response;
  // An HTTP/2 response has a stand-in for a socket, without this method.
  if (typeof socket?.destroySoon === 'function') socket.destroySoon();
  else response.destroy();
}

const ignore = (): void => {};
