/**
 * A plain proxy: each request goes to the next machine, and every byte of an answer is passed on as it comes. It looks
 * at nothing in the request, so a thread's requests land anywhere; that this is enough is what the demo shows.
 */
import { type ClientRequest, type IncomingMessage, request as open, type ServerResponse } from 'node:http';

export interface RoundRobin {
  /** Handles a request. */
  forward(request: IncomingMessage, response: ServerResponse): void;
  /** Cuts what is open to a machine, as a balancer does whose health check has failed. */
  cut(port: number): void;
}

/** `ports` is asked for the machines that are healthy, before each request. */
export const createRoundRobin = (ports: () => readonly number[]): RoundRobin => {
  let turn = 0;
  const links = new Map<ClientRequest, number>();

  const forward = (request: IncomingMessage, response: ServerResponse): void => {
    const healthy = ports();
    const port = healthy[turn++ % healthy.length];
    if (port === undefined) {
      refuse(response);
      return;
    }
    const { method, url: path, headers } = request;
    const upstream = open({ host: '127.0.0.1', port, method, path, headers, agent: false });
    links.set(upstream, port);
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
      // A body that was cut must not look whole: `pipe` would leave it open.
      answer.once('close', () => {
        if (!answer.complete) response.destroy();
      });
    });
    upstream.once('error', () => {
      if (response.headersSent) response.destroy();
      else refuse(response);
    });
    upstream.once('close', () => links.delete(upstream));
    response.once('close', () => upstream.destroy());
    request.pipe(upstream);
  };

  const cut = (port: number): void => {
    for (const [upstream, to] of links) if (to === port) upstream.destroy(new Error('cut'));
  };

  return { forward, cut };
};

/** No machine, or one that died just now: clients that resume try again. */
const refuse = (response: ServerResponse): void => {
  response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' }).end('No machine answers');
};
