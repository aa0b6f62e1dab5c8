/**
 * The Node adapter: writes a `Reply` to a `ServerResponse`, for `node:http`, `node:http2`, Express and Fastify's `raw`.
 * It reads on only when the kernel has accepted what was written, and never waits for a client that has gone: `drain`
 * is raced against `close` (a promise for `drain` alone would stay pending for ever when the client leaves).
 */
import type { ServerResponse } from 'node:http';
import { from, type Stream } from '@chatkit/stream';
import type { Failure } from '@chatkit/stream/engine';
import { pumpText, type TextSink } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import type { BodySink } from './body-sink.ts';
import { GzipWriter } from './gzip-writer.ts';
import { negotiateGzip } from './negotiate-gzip.ts';
import { ResponseWriter } from './response-writer.ts';

/** Options of {@link writeReply}. */
export interface WriteReplyOptions {
  /**
   * Called immediately, and once, when the client goes away before the end: the place to abort the work behind the
   * body.
   */
  onDisconnect?: (() => void) | undefined;
  /**
   * How long the connection may take to accept one write (about 32 KiB at most) before it is closed; the client can
   * resume from the last id it has. Default 30,000 ms; `Infinity` for never.
   */
  stuckMs?: number | undefined;
  /**
   * Whether to send a streamed body as gzip to clients that accept it. Each event becomes a tenth of its size and still
   * arrives at once, at several times the CPU and 100 to 200 KB of memory per connection. Not for bodies with a secret
   * next to text that an attacker can choose: the compressed size would reveal the secret (BREACH). Default `false`.
   */
  compress?: boolean | undefined;
}

/**
 * Writes a reply. Headers leave at once, or with the first text if that is ready in the same turn.
 *
 * @returns A promise that resolves when everything has been handed to the connection or the client has gone, and
 * rejects with the body's error. In that case the connection (of HTTP/2 only the stream) is cut after what came before
 * the error, so that the client sees no clean end. Also rejects, with the body closed, if the head cannot be written: it
 * has been sent already, or a header is not valid.
 *
 * @example
 * createServer(async (request, response) => {
 *   await writeReply(await handle(request), response);
 * });
 */
export function writeReply(reply: Reply, response: ServerResponse, options: WriteReplyOptions = {}): Promise<void> {
  const { status, body } = reply;
  const hasNoBody = response.req?.method === 'HEAD' || status === 204 || status === 205 || status === 304;
  const isStream = body !== null && typeof body !== 'string';
  const { headers, isGzip } =
    isStream && options.compress === true ? negotiateGzip(reply.headers, response) : { ...reply, isGzip: false };
  try {
    response.writeHead(status, headers);
  } catch (error) {
    // Sent already, or not valid in HTTP.
    if (isStream) closeUnread(body);
    return Promise.reject(error);
  }
  if (isStream && !hasNoBody) return stream(body, response, options, isGzip ? GzipWriter : ResponseWriter);
  response.end(hasNoBody ? undefined : body);
  return isStream ? closeUnread(body) : Promise.resolve();
}

/** A body that will not be read is still closed, so that it can release what it holds. */
const closeUnread = (body: AsyncIterable<string>): Promise<void> => from(body).return().then(ignore, ignore);

type MakeSink = new (response: ServerResponse, onRoom: () => void) => BodySink;

const stream = (
  body: AsyncIterable<string>,
  response: ServerResponse,
  options: WriteReplyOptions,
  Writer: MakeSink,
): Promise<void> =>
  new Promise((resolve, reject) => new BodyWriter(from(body), response, options, Writer, resolve, reject).start());

/** Writes one body. A class for the same reason as `Pump`: there is one for every open connection. */
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
    pumpText(this.source, this);
  }

  write(text: string): Promise<void> | undefined {
    this.hasStarted = true;
    if (this.sink.write(text)) return undefined;
    this.startStuckTimer();
    return new Promise((done) => {
      this.hasRoom = done;
    });
  }

  end(failure?: Failure): void {
    if (this.state === 'over') return;
    if (failure !== undefined) {
      this.settle();
      cut(this.response);
      this.reject(failure.error);
      return;
    }
    this.state = 'ended';
    this.startStuckTimer();
    this.sink.end(() => {
      this.settle();
      this.resolve();
    });
  }

  private readonly onRoom = (): void => {
    clearTimeout(this.stuckTimer);
    this.hasRoom?.();
  };

  // A plain timer: the stream package's operators time the source of a stream, and this times the sink.
  private startStuckTimer(): void {
    const { stuckMs = 30_000 } = this.options;
    if (stuckMs !== Number.POSITIVE_INFINITY) this.stuckTimer = setTimeout(() => this.response.destroy(), stuckMs);
  }

  private readonly onClose = (): void => {
    const wasOpen = this.state === 'open';
    this.settle();
    if (wasOpen) {
      this.options.onDisconnect?.();
      // Not awaited: a generator that is inside an `await` reaches its `finally` only when that settles.
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

/** Cuts a connection so that the client gets everything written and then an error, not a clean end. */
function cut(response: ServerResponse): void {
  const { socket } = response;
  // Of HTTP/2 only the stream: others share its socket. With an error, because without one the client sees an end, and
  // once all is written, because a stream that is reset drops what waits.
  if ('stream' in response) response.write('', () => response.destroy(new Error('The body broke off.')));
  else if (typeof socket?.destroySoon === 'function') socket.destroySoon();
  else response.destroy();
}

const ignore = (): void => {};
