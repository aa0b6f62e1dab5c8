// The transport kit on a runtime's own server: a handler from `Request` to `Response`, and crossws for its WebSockets.
import { toResponse } from '../../src/index.ts';
import { createCrosswsHooks, openWebSocket } from '../../src/ws/index.ts';
import { type Answer, describeTransport, type RunningTransport } from '../support/describe-transport.ts';
import { inProcess, MiB, ndjson, sse, under } from '../support/transports.ts';

/** A server of the runtime, with what it needs to upgrade a request. */
export interface FetchServer<Info> {
  readonly name: string;
  listen(handler: (request: Request, info: Info) => Promise<Response>, websocket: unknown): Listening;
  /** `crossws/adapters/<runtime>`. */
  crossws(options: { hooks: never }): {
    handleUpgrade(request: Request, info: Info): Promise<Response | undefined>;
    readonly websocket?: unknown;
  };
}

interface Listening {
  readonly port: number;
  stop(): Promise<unknown> | undefined;
}

/** What the kernel holds at both ends, and the runtime's own `fetch` on top of it. */
const tcpBytes = 32 * MiB;

export function describeFetchServer<Info>({ name, listen, crossws }: FetchServer<Info>): void {
  const overHttp = async (answer: Answer): Promise<RunningTransport> => {
    const { port, stop } = listen(async (request) => {
      const gone = new AbortController();
      const seen = new Request(request, { signal: gone.signal });
      return toResponse(await answer(seen), { onDisconnect: () => gone.abort() });
    }, undefined);
    return {
      fetch: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
      async close() {
        await stop();
      },
    };
  };
  const overCrossws = async (answer: Answer): Promise<RunningTransport> => {
    const hooks = createCrosswsHooks(answer, { allowedOrigins: [], allowMissingOrigin: true });
    const sockets = crossws({ hooks: hooks as never });
    const { port, stop } = listen(
      async (request, info) => (await sockets.handleUpgrade(request, info)) ?? new Response(null, { status: 101 }),
      sockets.websocket,
    );
    const connection = openWebSocket(`ws://127.0.0.1:${port}`);
    return {
      fetch: connection.fetch,
      async close() {
        connection.close();
        await stop();
      },
    };
  };
  describeTransport('Response in process', under(inProcess, sse, MiB));
  describeTransport(`${name}, SSE`, under(overHttp, sse, tcpBytes));
  describeTransport(`${name}, NDJSON`, under(overHttp, ndjson, tcpBytes));
  describeTransport(`${name}, WebSocket over crossws`, under(overCrossws, sse, MiB));
}
