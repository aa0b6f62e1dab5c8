import crossws from 'crossws/adapters/deno';
import { describeFetchServer } from './fetch-server.ts';

interface DenoServer {
  readonly addr: { readonly port: number };
}
declare const Deno: {
  serve(options: object, handler: (request: Request, info: object) => Promise<Response>): DenoServer;
};

describeFetchServer<object>({
  name: 'Deno.serve',
  crossws: crossws as never,
  listen(handler) {
    const gone = new AbortController();
    const server = Deno.serve({ port: 0, hostname: '127.0.0.1', signal: gone.signal, onListen() {} }, handler);
    // Not waited for: it ends with the last connection, and clients keep theirs.
    return { port: server.addr.port, stop: () => void gone.abort() };
  },
});

export { runAll } from '../../../../test/runtimes/mini-test.ts';
