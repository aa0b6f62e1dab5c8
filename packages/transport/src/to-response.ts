/**
 * The fetch adapter: turns a `Reply` into a web `Response`, for every framework whose handler returns one. The body is
 * pulled: a generator behind it runs at most one batch ahead of the reader.
 */
import { from, systemClock } from '@chatkit/stream';
import { deadline, macrotask } from '@chatkit/stream/engine';
import { pumpText } from './pump-text.ts';
import type { Reply } from './reply.ts';
import { TransportError } from './transport-error.ts';

/** Options of {@link toResponse}. */
export interface ToResponseOptions {
  /** Ends the body: the reader sees the signal's reason as an error, and the reply's iterator is closed. */
  signal?: AbortSignal | undefined;
  /**
   * Called immediately, and once, when the reader goes away before the end: the place to abort the work behind the
   * body.
   */
  onDisconnect?: (() => void) | undefined;
  /**
   * How long a reader may leave a chunk unread before it is dropped. The body then fails with `transport.interrupted`,
   * which cuts the connection, and the client can resume from the last id it has. Default 30,000 ms; `Infinity` for
   * never.
   */
  stuckMs?: number | undefined;
}

/**
 * Turns a reply into a `Response`. The body does not run before the first read. Text that is ready in the same turn
 * becomes one chunk of the stream. When the body is cancelled because the client left, the reply's iterator is closed
 * and its cleanup awaited, unless it is stuck inside `next()`. The body is never compressed: the web's
 * `CompressionStream` cannot flush, so events would wait inside it (`writeReply` can compress).
 *
 * @example
 * export const POST = async (request: Request) => toResponse(await server.reply(request, context));
 */
export function toResponse(reply: Reply, options: ToResponseOptions = {}): Response {
  const { status, headers, body } = reply;
  const isStream = body !== null && typeof body !== 'string';
  if (hasBody(status)) return new Response(isStream ? toByteStream(body, options) : body, { status, headers });
  // A body that will not be read is still closed, so that it can release what it holds.
  if (isStream) from(body).return().catch(ignore);
  return new Response(null, { status, headers });
}

/** Whether `Response` accepts a body with this status. */
const hasBody = (status: number): boolean => status !== 204 && status !== 205 && status !== 304;

function toByteStream(body: AsyncIterable<string>, options: ToResponseOptions): ReadableStream<Uint8Array> {
  const { signal, onDisconnect, stuckMs = 30_000 } = options;
  const encoder = new TextEncoder();
  const source = from(body);
  let state: 'unread' | 'open' | 'over' = 'unread';
  let demand: (() => void) | undefined;
  let isDemanded = false;

  /** Marks the body as over and clears timer and listener. True if it was not over before. */
  const settle = (): boolean => {
    const wasOpen = state !== 'over';
    state = 'over';
    stuck.clear();
    signal?.removeEventListener('abort', onAbort);
    return wasOpen;
  };
  /** Ends the body because the reader is gone: closes the iterator, once. */
  const leave = (): Promise<void> => {
    if (!settle()) return Promise.resolve();
    onDisconnect?.();
    // An error in the cleanup has nobody left to go to.
    const left = source.return().then(ignore, ignore);
    demand?.();
    return left;
  };
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const breakOff = (reason: unknown, defer = (fail: () => void): void => fail()): void => {
    void leave();
    defer(() => controller.error(reason));
  };
  // A server whose client has left aborts the request and cancels its body, one after the other. If the body failed in
  // between, some servers (Hono on Node, Deno) would print the error at every Stop and every reload. Not `nextTurn`,
  // which lets one go on at a time: of a thousand clients that leave at once, all would be kept until their turns.
  const onAbort = (): void => breakOff(signal?.reason, macrotask);
  // The deadline moves with every chunk; its timer is not reset each time.
  const stuck = deadline(systemClock, () =>
    breakOff(
      new TransportError('transport.interrupted', 'The reader has stopped reading the response.', { retryable: true }),
    ),
  );

  const start = (): void => {
    pumpText(source, {
      get isOver() {
        return state === 'over';
      },
      write(text) {
        isDemanded = false;
        controller.enqueue(encoder.encode(text));
        // The next read may be waiting already.
        if (isDemanded) return undefined;
        stuck.set(systemClock.now() + stuckMs);
        // The current read has been served; the next batch leaves with the next read.
        return new Promise((resolve) => {
          demand = resolve;
        });
      },
      end(failure) {
        if (!settle()) return;
        if (failure === undefined) controller.close();
        else controller.error(failure.error);
      },
    });
  };

  return new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
        if (signal?.aborted) onAbort();
        else signal?.addEventListener('abort', onAbort, { once: true });
      },
      pull() {
        isDemanded = true;
        stuck.lift();
        demand?.();
        if (state === 'unread') {
          state = 'open';
          start();
        }
      },
      cancel: leave,
    },
    // Nothing is queued here: only the pump runs ahead, by one batch, to which more text can still be joined.
    { highWaterMark: 0 },
  );
}

const ignore = (): void => {};
