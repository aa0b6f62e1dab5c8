// @chatkit/transport on node:http: a generator of events → map(delta encoder) → writeReply
import { once } from 'node:events';
import http from 'node:http';
import { eventStreamHeaders } from '@chatkit/transport';
import { writeReply } from '@chatkit/transport/node';
import { encode } from './_ours.mjs';
export const about = '@chatkit/transport writeReply on node:http';
export async function start({ source, host }) {
  const server = http.createServer((req, res) => {
    const ac = new AbortController();
    const body = encode(source(req.url, ac.signal));
    writeReply({ status: 200, headers: eventStreamHeaders, body }, res, { onDisconnect: () => ac.abort() });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { port: server.address().port };
}
