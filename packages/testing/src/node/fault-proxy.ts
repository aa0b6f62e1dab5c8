/**
 * A TCP proxy on loopback that does what networks do: it delays, cuts after so many bytes, resets, and goes silent
 * while the sockets stay open. For tests with real sockets; `createScriptedNetwork` does the same in process.
 */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What happens to the connections that are opened from now on. */
export interface ProxyFaults {
  /** Holds back every chunk, in both directions, for this long. */
  latencyMs?: number | undefined;
  /** Closes both sides once this many bytes of answers have passed. */
  cutAfterBytes?: number | undefined;
  /** Cut with a reset (RST) and not with a FIN. */
  reset?: boolean | undefined;
  /** Refuse: accept and reset at once. */
  refuse?: boolean | undefined;
}

/** A TCP proxy that can delay, cut and swallow what passes it. */
export interface FaultProxy {
  readonly port: number;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Connections that are open. */
  readonly connections: number;
  /** Bytes of answers passed on since the start. */
  readonly passedBytes: number;
  /** Sets the faults of the connections to come. */
  setFaults(faults: ProxyFaults): void;
  /** Cuts every connection that is open. */
  cutAll(options?: { reset?: boolean | undefined }): void;
  /** Passes nothing on, in either direction, on all connections, while they stay open. */
  blackhole(on: boolean): void;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * Listens on a free port of loopback and forwards to `target`.
 *
 * @example
 * const proxy = await createFaultProxy({ port: server.port });
 * proxy.setFaults({ cutAfterBytes: 500, reset: true });
 */
export const createFaultProxy = async (target: { port: number; host?: string | undefined }): Promise<FaultProxy> => {
  const links = new Set<Link>();
  let faults: ProxyFaults = {};
  let silent = false;
  let passedBytes = 0;

  const cut = (link: Link, reset: boolean | undefined): void => {
    links.delete(link);
    for (const socket of [link.client, link.server]) {
      if (reset) socket.resetAndDestroy();
      else socket.destroy();
    }
  };

  const forward = (
    from: Socket,
    to: Socket,
    link: Link,
    { latencyMs }: ProxyFaults,
    pass: (chunk: Buffer) => Buffer,
  ) => {
    const write = (chunk: Buffer) => {
      if (silent || to.destroyed) return;
      const passed = pass(chunk);
      // Chunks that are late may come while it is paused already.
      if (passed.length > 0 && !to.write(passed) && !from.isPaused()) {
        from.pause();
        to.once('drain', () => from.resume());
      }
    };
    from.on('data', (chunk: Buffer) => {
      if (latencyMs === undefined) write(chunk);
      else setTimeout(write, latencyMs, chunk);
    });
    from.on('end', () => {
      if (silent) return;
      if (latencyMs === undefined) to.end();
      else setTimeout(() => to.end(), latencyMs);
    });
    from.on('error', () => cut(link, true));
  };

  const listener = createServer({ allowHalfOpen: true }, (client) => {
    const current = faults;
    if (current.refuse) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: target.port, host: target.host ?? '127.0.0.1', allowHalfOpen: true });
    const link: Link = { client, server };
    links.add(link);
    client.setNoDelay(true);
    server.setNoDelay(true);
    let left = current.cutAfterBytes ?? Number.POSITIVE_INFINITY;
    forward(client, server, link, current, (chunk) => chunk);
    forward(server, client, link, current, (chunk) => {
      const passed = chunk.subarray(0, left);
      left -= passed.length;
      passedBytes += passed.length;
      // The bytes up to the cut must have been sent before the sockets are destroyed.
      if (left <= 0) client.write(passed, () => cut(link, current.reset));
      return left <= 0 ? Buffer.alloc(0) : passed;
    });
    // When one side closes, so does the other, except through a black hole, where the other side must not notice.
    const gone = (other: Socket) => () => {
      if (silent) return;
      links.delete(link);
      other.destroy();
    };
    client.on('close', gone(server));
    server.on('close', gone(client));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return links.size;
    },
    get passedBytes() {
      return passedBytes;
    },
    setFaults(next) {
      faults = next;
    },
    cutAll({ reset } = {}) {
      for (const link of [...links]) cut(link, reset);
    },
    blackhole(on) {
      silent = on;
    },
    close: () =>
      new Promise((resolve) => {
        for (const link of [...links]) cut(link, true);
        listener.close(() => resolve());
      }),
  };
};
