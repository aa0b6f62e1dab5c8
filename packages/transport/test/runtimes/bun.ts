import crossws from 'crossws/adapters/bun';
import { describeFetchServer } from './fetch-server.ts';

interface BunServer {
  readonly port: number;
  stop(closeConnections: boolean): Promise<void>;
}
declare const Bun: { serve(options: object): BunServer };

describeFetchServer<BunServer>({
  name: 'Bun.serve',
  crossws: crossws as never,
  listen(handler, websocket) {
    // Without `idleTimeout` it ends streams that are silent for 10 s.
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', idleTimeout: 0, fetch: handler, websocket });
    return { port: server.port, stop: () => server.stop(true) };
  },
});

export { runAll } from '../../../../test/runtimes/mini-test.ts';
