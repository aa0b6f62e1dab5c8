import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect, type Socket } from 'node:net';
import { onTestFinished, vi } from 'vitest';

export { deferred, still, turns, until } from './turns.ts';

export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly server: Server;
}

/** A real server on loopback, closed with its connections at the end of the test. */
export const serve = async (listener: RequestListener): Promise<RunningServer> => {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { server, port, url: `http://127.0.0.1:${port}/` };
};

/**
 * Until the end of the test no time passes for the stream engine. Otherwise it gives up its turn after 8 ms of work, so
 * that on a busy machine what is ready in one turn is written in two.
 */
export const stopTime = (): void => {
  const now = vi.spyOn(performance, 'now').mockReturnValue(0);
  onTestFinished(() => now.mockRestore());
};

/** A client that is a bare socket: it sends a request and reads only what it is asked to. */
export const openSocket = async (port: number, request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(request);
  onTestFinished(() => void socket.destroy());
  return socket;
};
