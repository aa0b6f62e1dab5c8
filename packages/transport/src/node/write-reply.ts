/**
 * The Node adapter: a `Reply` written to a `ServerResponse`, for `node:http`, `node:http2`, Express and Fastify's `raw`.
 * It waits for the kernel to take what was written before it reads on, and it never waits for a client that has gone:
 * `drain` is raced against `close` (a promise that waits for `drain` alone stays pending for ever when the client leaves).
 */
import type { ServerResponse } from 'node:http';
import { from } from '@chatkit/stream';
import { pumpText } from '../pump-text.ts';
import type { Reply } from '../reply.ts';
import { createResponseWriter } from './response-writer.ts';

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
 *   with the body's error (the connection is cut then, after what came before, so that the client sees no clean end).
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
  if (body !== null && typeof body !== 'string' && !hasNoBody) return stream(body, response, options);
  response.end(hasNoBody ? undefined : body);
  // A body that is never read is returned all the same, so that its owner can let go of what it holds.
  if (body !== null && typeof body !== 'string') return from(body).return().then(ignore, ignore);
  return Promise.resolve();
}

function stream(body: AsyncIterable<string>, response: ServerResponse, options: WriteReplyOptions): Promise<void> {
  const { onDisconnect, stuckMs = 30_000 } = options;
  const source = from(body);
  let state: 'open' | 'ended' | 'over' = 'open';
  let hasRoom: (() => void) | undefined;
  let stuckTimer: ReturnType<typeof setTimeout> | undefined;

  return new Promise((resolve, reject) => {
    const onRoom = (): void => {
      clearTimeout(stuckTimer);
      hasRoom?.();
    };
    const writer = createResponseWriter(response, onRoom);
    const startStuckTimer = (): void => {
      if (stuckMs !== Number.POSITIVE_INFINITY) stuckTimer = setTimeout(() => response.destroy(), stuckMs);
    };
    const settle = (): void => {
      state = 'over';
      clearTimeout(stuckTimer);
      writer.close();
      response.off('close', onClose);
    };
    const onClose = (): void => {
      const wasOpen = state === 'open';
      settle();
      if (wasOpen) {
        onDisconnect?.();
        // Started, not waited for: a generator that is inside an `await` comes to its `finally` when that settles.
        source.return().catch(ignore);
        hasRoom?.();
      }
      resolve();
    };
    response.on('close', onClose);
    // An 'error' without a listener would end the process; 'close' follows it.
    response.on('error', ignore);
    if (response.destroyed || response.closed) return onClose();

    let hasStarted = false;
    const write = (text: string): Promise<void> | undefined => {
      hasStarted = true;
      if (writer.write(text)) return undefined;
      startStuckTimer();
      return new Promise((done) => {
        hasRoom = done;
      });
    };
    process.nextTick(() => {
      if (!hasStarted && state === 'open') response.flushHeaders();
    });
    pumpText(source, { write }, () => state === 'over').then(
      () => {
        if (state === 'over') return;
        state = 'ended';
        startStuckTimer();
        response.end(() => {
          settle();
          resolve();
        });
      },
      (error) => {
        if (state === 'over') return;
        settle();
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

const ignore = (): void => {};
