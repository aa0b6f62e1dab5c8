// @chatkit/transport on node:http, without @chatkit/stream: an async generator that encodes
import { once } from 'node:events'
import http from 'node:http'
import { eventStreamHeaders } from '@chatkit/transport'
import { writeReply } from '@chatkit/transport/node'
import { createEncoder } from './_ours.mjs'
export const about = '@chatkit/transport writeReply on node:http, encoded in a generator'
export async function start({ source, host }) {
  const server = http.createServer((req, res) => {
    const ac = new AbortController()
    const body = (async function* () {
      const encoder = createEncoder()
      for await (const event of source(req.url, ac.signal)) yield encoder.sse(event)
    })()
    writeReply({ status: 200, headers: eventStreamHeaders, body }, res, { onDisconnect: () => ac.abort() })
  })
  server.listen(0, host)
  await once(server, 'listening')
  return { port: server.address().port }
}
