/**
 * A port of loopback that nobody listens on. For programs that cannot choose one themselves, or must keep theirs.
 *
 * Between the moment in which it is found free and the one in which its program listens, and while its program is
 * started again, anybody may take it. So it is none of those that systems give to whoever asks for any (Linux from
 * 32768, others from 49152), and each process looks among its own.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';

const first = 10_000;
const processes = 440;
const each = 50;

let looked = 0;

export const freePort = async (): Promise<number> => {
  for (; looked < processes * each; ) {
    const port = first + ((process.pid * each + looked++) % (processes * each));
    if (await isFree(port)) return port;
  }
  throw new Error('There is no free port on 127.0.0.1.');
};

const isFree = async (port: number): Promise<boolean> => {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
};
