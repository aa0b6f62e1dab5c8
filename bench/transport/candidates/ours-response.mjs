// @chatkit/transport toResponse, on @hono/node-server
import { eventStreamHeaders, toResponse } from '@chatkit/transport';
import { peer } from '../src/peer.mjs';
import { encode } from './_ours.mjs';

const { serve } = await peer('@hono/node-server');
export const about = '@chatkit/transport toResponse on @hono/node-server';
export const fetch = (source) => (req) => {
  const ac = new AbortController();
  return toResponse(
    { status: 200, headers: eventStreamHeaders, body: encode(source(req.url, ac.signal)) },
    { onDisconnect: () => ac.abort() },
  );
};
export async function start({ source, host }) {
  return new Promise((r) => serve({ hostname: host, port: 0, fetch: fetch(source) }, (i) => r({ port: i.port })));
}
