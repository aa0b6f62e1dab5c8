/**
 * The Node adapter: a `Reply` written to a `ServerResponse`, for `node:http`, `node:http2`, Express and Fastify's `raw`. It waits for the
 * kernel to take what was written before it reads on, and it never waits for a client that has gone: `drain` is raced
 * against `close` and `error` (a promise that only waits for `drain` stays pending for ever when the client leaves first).
 */
import type { ServerResponse } from 'node:http';
import { pumpText } from '../pump-text.ts';
import type { Reply } from '../reply.ts';

/** What {@link writeReply} can be told. */
export interface WriteReplyOptions {
  /** Called once, at once, when the client goes away before the end: the place to abort the work behind the body. */
  onDisconnect?: (() => void) | undefined;
  /**
   * How long the client may take nothing of what was written before its connection is closed; it can resume from the last
   * id it has. Default 30,000 ms; `Infinity` for never.
   */
  stuckMs?: number | undefined;
}

/**
 * Writes a reply. Headers leave at once, or with the first text if that is ready in the same turn.
 *
 * @returns A promise that resolves when everything has been handed to the connection or the client has gone, and rejects
 *   with the body's error (the connection is destroyed then, so that the client sees a cut and not an end).
 *
 * @example
 * createServer(async (request, response) => {
 *   await writeReply(await handle(request), response);
 * });
 */
export function writeReply(reply: Reply, response: ServerResponse, options: WriteReplyOptions = {}): Promise<void> {
  const { status, headers, body } = reply;
  response.writeHead(status, headers);
  const hasNoBody = response.req?.method === 'HEAD' || status === 204 || status === 304;
  if (body === null || typeof body === 'string' || hasNoBody) {
    response.end(hasNoBody ? undefined : (body ?? undefined));
    return Promise.resolve(typeof body === 'object' && body !== null ? unread(body) : undefined);
  }
  return stream(body, response, options);
}

/** A body that is never read is returned all the same, so that its owner can let go of what it holds. */
async function unread(body: AsyncIterable<string>): Promise<void> {
  await body[Symbol.asyncIterator]().return?.();
}

function stream(body: AsyncIterable<string>, response: ServerResponse, options: WriteReplyOptions): Promise<void> {
  const { onDisconnect, stuckMs = 30_000 } = options;
  const iterator = body[Symbol.asyncIterator]();
  let isOver = false;
  let isStarted = false;
  let drained: (() => void) | undefined;
  let stuckTimer: ReturnType<typeof setTimeout> | undefined;

  return new Promise((resolve, reject) => {
    const startStuckTimer = (): void => {
      if (stuckMs !== Number.POSITIVE_INFINITY) stuckTimer = setTimeout(() => response.destroy(), stuckMs);
    };
    const settle = (): boolean => {
      if (isOver) return false;
      isOver = true;
      clearTimeout(stuckTimer);
      response.off('close', onClose);
      response.off('drain', onDrain);
      return true;
    };
    /** The end is written; whether the client takes it or leaves, it is over. */
    const end = (): void => {
      startStuckTimer();
      const finished = () => {
        clearTimeout(stuckTimer);
        resolve();
      };
      response.once('close', finished);
      response.end(finished);
    };
    const onDrain = (): void => {
      clearTimeout(stuckTimer);
      drained?.();
    };
    const onClose = (): void => {
      if (!settle()) return;
      onDisconnect?.();
      // Started, not waited for: a generator that is inside an `await` comes to its `finally` when that settles.
      Promise.resolve(iterator.return?.()).catch(() => {});
      drained?.();
      resolve();
    };
    response.on('close', onClose);
    // An unhandled 'error' would end the process; `close` follows it.
    response.on('error', () => {});
    response.on('drain', onDrain);
    if (response.destroyed || response.closed) return onClose();

    const write = (text: string): Promise<void> | undefined => {
      isStarted = true;
      if (response.write(text)) return undefined;
      startStuckTimer();
      return new Promise((done) => {
        drained = done;
      });
    };
    process.nextTick(() => {
      if (!isStarted && !isOver) response.flushHeaders();
    });
    pumpText(iterator, { write }, () => isOver).then(
      () => {
        if (settle()) end();
      },
      (error) => {
        if (!settle()) return;
        cut(response);
        reject(error);
      },
    );
  });
}

/** Ends a connection so that the client gets what was written and then sees a cut, not an end. */
function cut(response: ServerResponse): void {
  const { socket } = response;
  // An HTTP/2 response has a stand-in for a socket, without this method.
  if (typeof socket?.destroySoon === 'function') socket.destroySoon();
  else response.destroy();
}
