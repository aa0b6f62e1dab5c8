/**
 * The clients of Redis, as small a part of them as the log and the lease need, so that both `redis` (node-redis) and
 * `ioredis` fit as they are. Inside there is one shape: commands as arrays of strings, and connections of our own for
 * what blocks a connection (reading) or changes its mode (listening).
 */

/** Fits a client of the package `redis`, connected by you. Give it an `error` listener, as its documentation asks. */
export interface NodeRedisClient {
  sendCommand(args: readonly string[], options?: { readonly timeout?: number | undefined }): Promise<unknown>;
  duplicate(): NodeRedisConnection;
}

/** What `duplicate()` of node-redis makes. */
export interface NodeRedisConnection {
  sendCommand(args: readonly string[]): Promise<unknown>;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  destroy(): void;
}

/** Fits a client of the package `ioredis`. */
export interface IoredisClient {
  call(command: string, args: string[]): Promise<unknown>;
  duplicate(): IoredisConnection;
}

/** What `duplicate()` of ioredis makes. */
export interface IoredisConnection {
  call(command: string, args: string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  disconnect(): void;
}

/** A connected client of one Redis server. You end it. */
export type RedisClient = NodeRedisClient | IoredisClient;

/** Commands in, replies out; replies to commands arrive in their order. */
export interface RedisPort {
  command(args: readonly string[]): Promise<unknown>;
  /**
   * The same for a command that may wait for its connection as long as the client keeps it: a client that makes a timer
   * and a signal for each command makes none for this. For what is sent hundreds of times a second, and may be sent
   * twice.
   */
  patientCommand(args: readonly string[]): Promise<unknown>;
  /** A connection for blocking commands. Its `close` rejects what is pending, or leaves it pending for ever. */
  connect(): RedisConnection;
  /** Hears of every message on a channel, on a connection of its own. */
  listen(channel: string, listener: (message: string) => void): RedisListening;
}

/** A connection of our own. */
export interface RedisConnection {
  command(args: readonly string[]): Promise<unknown>;
  close(): void;
}

/** A connection of our own that listens. */
export interface RedisListening {
  /** Resolves with a sign of life. May never settle. */
  ping(): Promise<unknown>;
  close(): void;
}

/**
 * The port over a client. Connections of our own report their errors by failing commands; their events are for nobody.
 */
export const createRedisPort = (client: RedisClient): RedisPort =>
  'call' in client && typeof client.call === 'function'
    ? ioredisPort(client)
    : nodeRedisPort(client as NodeRedisClient);

const nodeRedisPort = (client: NodeRedisClient): RedisPort => {
  const open = () => {
    const connection = client.duplicate();
    connection.on('error', ignore);
    const opened = connection.connect();
    opened.catch(ignore);
    return { connection, opened };
  };
  const destroy = (connection: NodeRedisConnection) => {
    try {
      connection.destroy();
    } catch {
      // It is closed already.
    }
  };
  return {
    command: (args) => client.sendCommand(args),
    patientCommand: (args) => client.sendCommand(args, noTimeout),
    connect() {
      const { connection, opened } = open();
      return {
        async command(args) {
          await opened;
          return connection.sendCommand(args);
        },
        close: () => destroy(connection),
      };
    },
    listen(channel, listener) {
      const { connection, opened } = open();
      const subscribed = opened.then(() => connection.subscribe(channel, listener));
      subscribed.catch(ignore);
      return {
        ping: () => subscribed.then(() => connection.sendCommand(['PING'])),
        close: () => destroy(connection),
      };
    },
  };
};

const ioredisPort = (client: IoredisClient): RedisPort => {
  const open = () => {
    const connection = client.duplicate();
    connection.on('error', ignore);
    return connection;
  };
  const command: RedisPort['command'] = ([name = '', ...args]) => client.call(name, args);
  return {
    command,
    patientCommand: command,
    connect() {
      const connection = open();
      return {
        command: ([name = '', ...args]) => connection.call(name, args),
        close: () => connection.disconnect(),
      };
    },
    listen(channel, listener) {
      const connection = open();
      connection.on('message', (_, message) => listener(message));
      const subscribed = connection.subscribe(channel);
      subscribed.catch(ignore);
      return {
        ping: () => subscribed.then(() => connection.call('PING', [])),
        close: () => connection.disconnect(),
      };
    },
  };
};

const noTimeout = { timeout: undefined };
const ignore = (): void => {};
