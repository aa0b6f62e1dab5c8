// @chatkit/transport toResponse, on srvx

import { peer } from '../src/peer.mjs';
import { fetch } from './ours-response.mjs';

const { serve } = await peer('srvx/node');
export const about = '@chatkit/transport toResponse on srvx';
export async function start({ source, host }) {
  const s = serve({ hostname: host, port: 0, silent: true, gracefulShutdown: false, fetch: fetch(source) });
  await s.ready();
  return { port: +new URL(s.url).port };
}
