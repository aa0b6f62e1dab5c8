// @chatkit/transport writeReply with `compress`: for section G, whose client asks for gzip and reads it
import { once } from 'node:events';
import http from 'node:http';
import { eventStreamHeaders } from '@chatkit/transport';
import { writeReply } from '@chatkit/transport/node';
import { encode } from './_ours.mjs';
export const about = '@chatkit/transport writeReply, compressed';
export async function start({ source, host }) {
  const server = http.createServer((req, res) => {
    const ac = new AbortController();
    const reply = { status: 200, headers: eventStreamHeaders, body: encode(source(req.url, ac.signal)) };
    writeReply(reply, res, { compress: true, onDisconnect: () => ac.abort() });
  });
  server.listen(0, host);
  await once(server, 'listening');
  return { port: server.address().port };
}
