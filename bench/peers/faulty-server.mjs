// A real HTTP server in front of a fetch handler, with faults on demand: what a proxy, a deploy or a train does to a stream.
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * @param handler a fetch handler
 * @param fault called with the number of the request (from 0): `undefined` passes it on; `{ status }` answers so;
 *   `{ refuse: true }` closes the socket; `{ before, end: 'clean' | 'reset' | 'silence' }` does that to the response before this text of it;
 *   `{ rewrite(text) }` changes its text
 */
export async function startFaulty(handler, fault = () => undefined) {
  let requests = 0;
  const server = http.createServer(async (incoming, outgoing) => {
    const what = fault(requests++) ?? {};
    if (what.refuse) return outgoing.destroy();
    if (what.status) return outgoing.writeHead(what.status).end();
    const gone = new AbortController();
    outgoing.on('close', () => gone.abort());
    const hasBody = incoming.method !== 'GET';
    const response = await handler(
      new Request(`http://${incoming.headers.host}${incoming.url}`, {
        method: incoming.method,
        headers: incoming.headers,
        signal: gone.signal,
        ...(hasBody && { body: Readable.toWeb(incoming), duplex: 'half' }),
      }),
    );
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    if (!response.body) return outgoing.end();
    await pipeline(Readable.fromWeb(response.body), damage(what, outgoing), outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    get requests() {
      return requests;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const damage = ({ before, end, rewrite }, outgoing) =>
  async function* (body) {
    for await (const chunk of body) {
      const text = chunk.toString();
      const at = before === undefined ? -1 : text.indexOf(before);
      if (at < 0) {
        yield rewrite ? rewrite(text) : chunk;
        continue;
      }
      // Between two frames if it is to be clean, or else in the middle of one.
      yield text.slice(0, end === 'clean' ? endOfFrame(text, at) : at);
      if (end === 'reset') outgoing.destroy();
      if (end === 'silence') await once(outgoing, 'close');
      return;
    }
  };

const endOfFrame = (text, before) => {
  const blank = text.lastIndexOf('\n\n', before);
  return blank < 0 ? 0 : blank + 2;
};
