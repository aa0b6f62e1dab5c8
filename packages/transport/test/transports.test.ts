import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import crossws from 'crossws/adapters/node';
import { WebSocketServer } from 'ws';
import { type WriteReplyOptions, writeReply } from '../src/node/index.ts';
import { createCrosswsHooks, openWebSocket, serveWebSocket } from '../src/ws/index.ts';
import { type Answer, describeTransport, type RunningTransport } from './support/describe-transport.ts';
import { inProcess, MiB, ndjson, sse, under } from './support/transports.ts';

/** What a TCP connection on loopback holds in the kernel, both ends, and undici on top of it. */
const tcpBytes = 16 * MiB;

/** As frameworks do: the client's going away aborts the request's signal. */
const toRequest = (incoming: IncomingMessage, signal: AbortSignal): Request => {
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD';
  return new Request(`http://localhost${incoming.url}`, {
    method: incoming.method as string,
    headers: incoming.headers as Record<string, string>,
    body: hasBody ? (incoming as never) : null,
    signal,
    ...(hasBody && { duplex: 'half' }),
  } as RequestInit);
};

const onNodeWith =
  (options: WriteReplyOptions) =>
  async (answer: Answer): Promise<RunningTransport> => {
    const server = createServer(async (incoming, response) => {
      const gone = new AbortController();
      const request = toRequest(incoming, gone.signal);
      const reply = await answer(request);
      // Naming the request keeps it alive: its signal follows ours only as long as it is.
      const onDisconnect = () => request.signal.aborted || gone.abort();
      writeReply(reply, response, { ...options, onDisconnect }).catch(() => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return {
      fetch: (path, init) => fetch(`http://127.0.0.1:${port}${path}`, init),
      async close() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  };

const onNode = onNodeWith({});

const onWebSocket = async (answer: Answer): Promise<RunningTransport> => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, maxPayload: MiB });
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('connection', (socket) => serveWebSocket(socket, answer));
  const connection = openWebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    fetch: connection.fetch,
    async close() {
      connection.close();
      for (const socket of server.clients) socket.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const onCrossws = async (answer: Answer): Promise<RunningTransport> => {
  const hooks = createCrosswsHooks(answer, { allowedOrigins: [], allowMissingOrigin: true });
  const sockets = crossws({ hooks: hooks as never, serverOptions: { maxPayload: MiB, perMessageDeflate: false } });
  const server = createServer();
  server.on('upgrade', (request, socket, head) => void sockets.handleUpgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = openWebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  return {
    fetch: connection.fetch,
    async close() {
      connection.close();
      sockets.closeAll(1001, '', true);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

describeTransport('SSE over node:http', under(onNode, sse, tcpBytes));
describeTransport('NDJSON over node:http', under(onNode, ndjson, tcpBytes));
describeTransport('SSE over node:http, compressed', under(onNodeWith({ compress: true }), sse, tcpBytes));
describeTransport('Response in process', under(inProcess, sse, MiB));
describeTransport('WebSocket', under(onWebSocket, sse, MiB));
describeTransport('WebSocket over crossws', under(onCrossws, sse, MiB));
describeTransport('NDJSON over WebSocket', under(onWebSocket, ndjson, MiB));
