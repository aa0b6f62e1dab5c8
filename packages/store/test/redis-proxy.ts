/**
 * A proxy in front of a Redis, on loopback, that loses what is told to be lost: the next append on its way there, or its answer on
 * the way back, with the connection cut behind it or left open and silent for ever. Connections made later work.
 */
import { createServer, type Server, Socket } from 'node:net';

/** Whether an append is lost on its way to Redis or its answer on the way back, and what becomes of the connection. */
export interface Loss {
  readonly lost: 'request' | 'answer';
  readonly connection: 'cut' | 'silent';
}

export interface RedisProxy {
  readonly url: string;
  /** Loses the next append. Resolves when it has been lost. */
  lose(loss: Loss): Promise<void>;
  close(): Promise<void>;
}

/** `isAppend` says whether a client's bytes hold an append; they do not come in pieces on loopback. */
export const startRedisProxy = async (redisPort: number, isAppend: (text: string) => boolean): Promise<RedisProxy> => {
  const sockets = new Set<Socket>();
  let next: { readonly loss: Loss; readonly done: () => void } | undefined;
  const server: Server = createServer((client) => {
    const redis = new Socket();
    redis.connect(redisPort, '127.0.0.1');
    let state: 'open' | 'answer is lost' | 'silent' = 'open';
    const end = (): void => {
      client.destroy();
      redis.destroy();
    };
    const lose = ({ loss, done }: NonNullable<typeof next>): void => {
      if (loss.connection === 'cut') end();
      else state = 'silent';
      done();
    };
    let losing: typeof next;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        if (state !== 'silent') end();
      });
    }
    client.on('data', (bytes) => {
      if (state === 'silent') return;
      if (next !== undefined && isAppend(bytes.toString('latin1'))) {
        losing = next;
        next = undefined;
        if (losing.loss.lost === 'request') {
          lose(losing);
          return;
        }
        state = 'answer is lost';
      }
      redis.write(bytes);
    });
    redis.on('data', (bytes) => {
      if (state === 'answer is lost' && losing !== undefined) lose(losing);
      else if (state === 'open') client.write(bytes);
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  return {
    url: `redis://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    lose: (loss) =>
      new Promise((done) => {
        next = { loss, done };
      }),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
};
