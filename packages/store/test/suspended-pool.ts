/** A machine that is suspended in the middle of a transaction, as its database sees it: the session stays, and says nothing more. */
import type { PostgresPool } from '@chatkit/store/postgres';
import type pg from 'pg';

export interface SuspendedPool {
  readonly client: PostgresPool;
  /** Resolves when it has been suspended. */
  readonly suspended: Promise<void>;
  /** Lets it go on; what it was about to say fails. */
  resume(): void;
}

/** Suspends each connection of `pool` that is about to say something which begins with `text`. */
export const suspendPool = (pool: pg.Pool, text: string): SuspendedPool => {
  let tell = (): void => {};
  const suspended = new Promise<void>((resolve) => {
    tell = resolve;
  });
  let resume = (): void => {};
  const resumed = new Promise<never>((_, reject) => {
    resume = () => reject(new Error('It was suspended for too long.'));
  });
  resumed.catch(() => {});
  const client: PostgresPool = {
    query: (asked, values) => pool.query(asked, values),
    async connect() {
      const connection = await pool.connect();
      return {
        query(asked, values) {
          if (!asked.trimStart().startsWith(text)) return connection.query(asked, values);
          tell();
          return resumed;
        },
        release: (destroy) => connection.release(destroy),
        on: (event: never, listener: never) => connection.on(event, listener),
        off: (event, listener) => connection.off(event, listener),
      };
    },
  };
  return { client, suspended, resume };
};
