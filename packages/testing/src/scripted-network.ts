/**
 * A `fetch` over a network that fails on cue. Each request takes the next entry of a plan: an answer of its own, or the
 * answer of a handler (a whole server, in process) with its bytes cut, stalled, delayed or re-chunked on the way.
 */

/** What happens to one request. Without any field it goes through. */
export interface NetworkPlan {
  /** Answer this instead of asking the handler. */
  respond?: ((request: Request) => Response | Promise<Response>) | undefined;
  /** Answer this status with an empty body, as a proxy in between would (502, 503, 429). */
  status?: number | undefined;
  /** Headers to add to the answer, for example `retry-after`. */
  headers?: Readonly<Record<string, string>> | undefined;
  /** Fail before any answer, as `fetch` does when nothing listens: a `TypeError`. The handler is not asked. */
  refuse?: boolean | undefined;
  /** Fail before any answer, but after the handler has had the request: the answer is lost. */
  loseAnswer?: boolean | undefined;
  /** Wait this long before the answer. */
  delayMs?: number | undefined;
  /** Break the body with a `TypeError` once this many bytes have come through. */
  cutAfterBytes?: number | undefined;
  /** End the body as if it were complete once this many bytes have come through. */
  endAfterBytes?: number | undefined;
  /** Send nothing more once this many bytes have come through, and keep the connection open, like a half-open one. */
  stallAfterBytes?: number | undefined;
  /** Hand out the body in pieces of this size. */
  chunkBytes?: number | undefined;
}

/** A request as the network saw it. */
export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  /** Bytes of the answer's body that reached the caller. */
  receivedBytes: number;
  /** How the answer's body ended, so far. */
  state: 'pending' | 'complete' | 'cut' | 'stalled' | 'cancelled' | 'failed';
}

/** The handler behind the network, and the clock for its delays. */
export interface ScriptedNetworkOptions {
  /** Answers what the plan lets through. Default: 404. */
  handler?: ((request: Request) => Response | Promise<Response>) | undefined;
  /** The clock for `delayMs`. Default: the machine's timers. */
  clock?: { setTimeout(callback: () => void, delayMs: number): unknown } | undefined;
}

/** A network whose faults are written down in advance. */
export interface ScriptedNetwork {
  readonly fetch: typeof globalThis.fetch;
  readonly requests: SeenRequest[];
  /** Appends to the plan; the requests after the last entry go through. */
  plan(...entries: NetworkPlan[]): void;
  /** Breaks every body that is open and, until `online()`, refuses every request. */
  offline(): void;
  online(): void;
}

const networkError = (message: string): TypeError => new TypeError(message);

/**
 * A network with a plan.
 *
 * @example
 * const network = createScriptedNetwork({ handler: (request) => server.handle(request, context) });
 * network.plan({ cutAfterBytes: 300 }, { status: 502 });
 * const client = createChatClient({ url: 'http://chat.test/chatkit', fetch: network.fetch });
 */
export const createScriptedNetwork = (options: ScriptedNetworkOptions = {}): ScriptedNetwork => {
  const handler = options.handler ?? (() => new Response(null, { status: 404 }));
  const clock = options.clock ?? { setTimeout: (callback, ms) => setTimeout(callback, ms) };
  const queue: NetworkPlan[] = [];
  const requests: SeenRequest[] = [];
  const open = new Set<(error: unknown) => void>();
  let connected = true;

  const answer = async (request: Request, plan: NetworkPlan, seen: SeenRequest): Promise<Response> => {
    if (!connected || plan.refuse) throw networkError('fetch failed');
    const response =
      plan.status === undefined
        ? await (plan.respond ?? handler)(request)
        : new Response(null, { status: plan.status });
    if (plan.delayMs !== undefined) {
      const { delayMs } = plan;
      await new Promise<void>((resolve) => void clock.setTimeout(resolve, delayMs));
    }
    // Nobody waits for the answer of a request that was aborted meanwhile: nobody else would cancel its body.
    if (!connected || plan.loseAnswer || request.signal.aborted) {
      await response.body?.cancel();
      throw networkError('fetch failed');
    }
    const headers = new Headers(response.headers);
    for (const [name, value] of Object.entries(plan.headers ?? {})) headers.set(name, value);
    const body =
      response.body === null ? null : faultyBody(response.body, { plan, seen, signal: request.signal, open });
    if (body === null) seen.state = 'complete';
    return new Response(body, { status: response.status, statusText: response.statusText, headers });
  };

  return {
    requests,
    plan: (...entries) => void queue.push(...entries),
    offline() {
      connected = false;
      for (const cut of [...open]) cut(networkError('network changed'));
    },
    online() {
      connected = true;
    },
    async fetch(input, init) {
      const request = new Request(input, init);
      request.signal.throwIfAborted();
      const plan = queue.shift() ?? {};
      const seen: SeenRequest = {
        method: request.method,
        url: request.url,
        headers: new Headers(request.headers),
        body: await request.clone().text(),
        receivedBytes: 0,
        state: 'pending',
      };
      requests.push(seen);
      try {
        request.signal.throwIfAborted(); // while the body was read
        return await untilAborted(answer(request, plan, seen), request.signal);
      } catch (error) {
        seen.state = request.signal.aborted ? 'cancelled' : 'failed';
        throw error;
      }
    },
  };
};

/** Settles as `promise` does, unless the signal aborts first. */
const untilAborted = <T>(promise: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });

interface FaultyBodyOptions {
  plan: NetworkPlan;
  seen: SeenRequest;
  signal: AbortSignal;
  /** Functions that break the bodies that are open. */
  open: Set<(error: unknown) => void>;
}

/** The bytes of `upstream` up to the planned fault. Breaking the body cancels `upstream`, as a server would see it. */
const faultyBody = (
  upstream: ReadableStream<Uint8Array>,
  { plan, seen, signal, open }: FaultyBodyOptions,
): ReadableStream<Uint8Array> => {
  const reader = upstream.getReader();
  const limit = plan.cutAfterBytes ?? plan.endAfterBytes ?? plan.stallAfterBytes ?? Number.POSITIVE_INFINITY;
  const pieces: Uint8Array[] = [];

  /** The next piece of at most `chunkBytes`; `undefined` at the end. */
  const nextPiece = async (): Promise<Uint8Array | undefined> => {
    const held = pieces.shift();
    if (held !== undefined) return held;
    const { done, value } = await reader.read();
    if (done) return undefined;
    const size = plan.chunkBytes ?? value.byteLength;
    for (let start = 0; start < value.byteLength; start += size) pieces.push(value.subarray(start, start + size));
    return pieces.length === 0 ? nextPiece() : pieces.shift();
  };

  let settle: (state: SeenRequest['state']) => void = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const breakOff = (error: unknown) => {
          settle(signal.aborted ? 'cancelled' : 'cut');
          controller.error(error);
          void reader.cancel(error).catch(() => {});
        };
        const onAbort = () => breakOff(signal.reason);
        settle = (state) => {
          seen.state = state;
          open.delete(breakOff);
          signal.removeEventListener('abort', onAbort);
        };
        open.add(breakOff);
        signal.addEventListener('abort', onAbort, { once: true });
      },
      async pull(controller) {
        if (seen.receivedBytes >= limit) {
          if (plan.cutAfterBytes !== undefined) {
            settle('cut');
            controller.error(networkError('terminated'));
            await reader.cancel().catch(() => {});
          } else if (plan.endAfterBytes !== undefined) {
            settle('cut');
            controller.close();
            await reader.cancel().catch(() => {});
          } else {
            seen.state = 'stalled';
            await new Promise<never>(() => {});
          }
          return;
        }
        try {
          const piece = await nextPiece();
          if (seen.state !== 'pending') return;
          if (piece === undefined) {
            settle('complete');
            controller.close();
            return;
          }
          const shown = piece.subarray(0, limit - seen.receivedBytes);
          seen.receivedBytes += shown.byteLength;
          controller.enqueue(shown);
        } catch (error) {
          if (seen.state !== 'pending') return;
          settle('failed');
          controller.error(error);
        }
      },
      async cancel(reason) {
        settle('cancelled');
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
};
