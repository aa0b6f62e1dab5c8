// @chatkit/transport serveWebSocket over ws; the harness's client sends nothing, so its request is put in here
import { once } from 'node:events';
import { serveWebSocket } from '@chatkit/transport/ws';
import { peer } from '../src/peer.mjs';
import { encode } from './_ours.mjs';

const { WebSocketServer } = await peer('ws');
export const transport = 'ws';
export const about = '@chatkit/transport serveWebSocket over ws';
export async function start({ source, host }) {
  const server = new WebSocketServer({ port: 0, host, perMessageDeflate: false });
  await once(server, 'listening');
  server.on('connection', (socket, req) => {
    const session = serveWebSocket(socket, (request) => ({
      status: 200,
      headers: {},
      body: encode(source(req.url, request.signal)),
    }));
    session.receive(
      JSON.stringify({
        run: 'r1',
        open: { method: 'GET', path: '/', headers: {}, body: null },
        window: Number.MAX_SAFE_INTEGER,
      }),
    );
  });
  return { port: server.address().port };
}
