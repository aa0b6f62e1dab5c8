/**
 * The fetch adapter: a `Reply` as a web `Response`, for every framework whose handler returns one. The body is pulled: a
 * `respond()` behind it runs only as far ahead as the reader has asked, plus one batch.
 */
import { from, systemClock } from '@chatkit/stream';
import { deadline } from '@chatkit/stream/engine';
import { nextTurn } from './event-loop-turn.ts';
import { pumpText } from './pump-text.ts';
import type { Reply } from './reply.ts';
import { TransportError } from './transport-error.ts';

/** What {@link toResponse} can be told. */
export interface ToResponseOptions {
  /** Ends the body: the reader sees the signal's reason as an error, the reply's iterator is returned. */
  signal?: AbortSignal | undefined;
  /** Called once, at once, when the reader goes away before the end: the place to abort the work behind the body. */
  onDisconnect?: (() => void) | undefined;
  /**
   * How long the reader may leave a chunk untaken before it is let go: the body ends with `transport.interrupted`, which cuts
   * the connection, and the client can resume from the last id it has. Default 30,000 ms; `Infinity` for never.
   */
  stuckMs?: number | undefined;
}

/**
 * Turns a reply into a `Response`. Nothing of the body runs before the first read. Text that is ready in the same turn
 * is one chunk of the stream. Cancelling the body (a client that left) returns the reply's iterator; its clean-up is
 * waited for, unless it is stuck inside `next()`. It is never compressed: the web's `CompressionStream` cannot flush, so
 * events would wait inside it (`writeReply` can compress).
 *
 * @example
 * export const POST = async (request: Request) => toResponse(await server.reply(request, context));
 */
export function toResponse(reply: Reply, options: ToResponseOptions = {}): Response {
  const { status, headers, body } = reply;
  if (body === null || typeof body === 'string') return new Response(body, { status, headers });
  if (hasBody(status)) return new Response(toByteStream(body, options), { status, headers });
  // A body that is never read is returned all the same, so that its owner can let go of what it holds.
  from(body).return().catch(ignore);
  return new Response(null, { status, headers });
}

/** The statuses that `Response` refuses a body for. */
const hasBody = (status: number): boolean => status !== 204 && status !== 205 && status !== 304;

function toByteStream(body: AsyncIterable<string>, options: ToResponseOptions): ReadableStream<Uint8Array> {
  const { signal, onDisconnect, stuckMs = 30_000 } = options;
  const encoder = new TextEncoder();
  const source = from(body);
  let state: 'unread' | 'open' | 'over' = 'unread';
  let demand: (() => void) | undefined;
  let isDemanded = false;

  /** Whether this ends it. */
  const settle = (): boolean => {
    const wasOpen = state !== 'over';
    state = 'over';
    stuck.clear();
    signal?.removeEventListener('abort', onAbort);
    return wasOpen;
  };
  /** Returns the iterator, once. */
  const leave = (): Promise<void> => {
    if (!settle()) return Promise.resolve();
    onDisconnect?.();
    // What fails now has nobody left to be told.
    const left = source.return().then(ignore, ignore);
    demand?.();
    return left;
  };
  let controller: ReadableStreamDefaultController<Uint8Array>;
  const breakOff = (reason: unknown, when?: Promise<void>): void => {
    if (state === 'over') return;
    void leave();
    if (when === undefined) controller.error(reason);
    else void when.then(() => controller.error(reason));
  };
  // A server whose client has left aborts the request and cancels its body, one after the other. Had the body an error
  // in between, the server would print it (Hono on Node, Deno), at each Stop and each reload.
  const onAbort = (): void => breakOff(signal?.reason, nextTurn());
  // It moves with every chunk; the timer under it does not.
  const stuck = deadline(systemClock, () =>
    breakOff(new TransportError('transport.interrupted', 'The reader takes nothing.', { retryable: true })),
  );

  const start = (): void => {
    pumpText(source, {
      get isOver() {
        return state === 'over';
      },
      write(text) {
        isDemanded = false;
        controller.enqueue(encoder.encode(text));
        // Another read may wait already.
        if (isDemanded) return undefined;
        if (stuckMs !== Number.POSITIVE_INFINITY) stuck.set(systemClock.now() + stuckMs);
        // The read that asked for this has it. The next batch leaves with the next read.
        return new Promise((resolve) => {
          demand = resolve;
        });
      },
    }).then(
      () => settle() && controller.close(),
      (error) => settle() && controller.error(error),
    );
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
    // Nothing ahead of the reader: what runs ahead is the pump's one batch, which can still be joined.
    { highWaterMark: 0 },
  );
}

const ignore = (): void => {};
