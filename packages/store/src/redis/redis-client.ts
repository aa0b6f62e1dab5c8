/**
 * The part of a Redis client that the log and the lease need, kept small so that both `redis` (node-redis) and
 * `ioredis` fit as they are. Internally both become a `RedisPort`: commands as arrays of strings, and separate
 * connections for what blocks a connection (XREAD) or changes its mode (SUBSCRIBE).
 */

/** Fits a client of the package `redis`, connected by you. Give it an `error` listener, as its documentation asks. */
export interface NodeRedisClient {
  sendCommand(args: readonly string[], options?: { readonly timeout?: number | undefined }): Promise<unknown>;
  duplicate(): NodeRedisConnection;
}

/** The result of node-redis's `duplicate()`. */
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

/** The result of ioredis's `duplicate()`. */
export interface IoredisConnection {
  call(command: string, args: string[]): Promise<unknown>;
  subscribe(channel: string): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'message', listener: (channel: string, message: string) => void): unknown;
  disconnect(): void;
}

/** A connected client of one Redis server. You close it. */
export type RedisClient = NodeRedisClient | IoredisClient;

/** Sends commands and returns their replies, which arrive in the order of the commands. */
export interface RedisPort {
  command(args: readonly string[]): Promise<unknown>;
  /**
   * `command` without the client's own timeout, for which some clients make a timer and a signal per command. For
   * commands that are sent hundreds of times a second and may be sent twice.
   */
  patientCommand(args: readonly string[]): Promise<unknown>;
  /**
   * Opens a connection for blocking commands. Its `close` rejects pending commands, or leaves them pending for ever.
   */
  connect(): RedisConnection;
  /** Subscribes to a channel, on a separate connection. */
  listen(channel: string, listener: (message: string) => void): RedisListening;
}

/** A separate connection. */
export interface RedisConnection {
  command(args: readonly string[]): Promise<unknown>;
  close(): void;
}

/** A separate connection that is subscribed to a channel. */
export interface RedisListening {
  /** Resolves when the connection answers. May never settle. */
  ping(): Promise<unknown>;
  close(): void;
}

/**
 * The port over a client. Errors of the separate connections show as failing commands; their `error` events are
 * ignored.
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
