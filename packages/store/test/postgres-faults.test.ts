/** A database that is full up, slow, restarted or against us: every call ends, and nothing is half stored. */
import { type AddressInfo, createServer } from 'node:net';
import { type Store, userMessage } from '@chatkit/core';
import { createPostgresStore, type PostgresConnection, type PostgresPool } from '@chatkit/store/postgres';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { suspendPool } from './suspended-pool.ts';

type Context = { userId: string };
const server = await startPostgres();
afterAll(() => server?.stop());

const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => void unhandled.push(error);
beforeAll(() => void process.on('unhandledRejection', onUnhandled).on('uncaughtException', onUnhandled));
afterAll(() => void process.off('unhandledRejection', onUnhandled).off('uncaughtException', onUnhandled));

const pools: pg.Pool[] = [];
/** A pool as an application makes it: nobody listens to its errors. */
const pool = (options: pg.PoolConfig = {}): pg.Pool => {
  const made = new pg.Pool({ connectionString: server?.url, ...options });
  pools.push(made);
  return made;
};
const locks: (() => Promise<void>)[] = [];
/** Holds a lock, on a connection of its own, until the returned function is called or the test is over. */
const holdLock = async (statement: string, values: unknown[] = []): Promise<() => Promise<void>> => {
  const connection = await pool().connect();
  await connection.query('BEGIN');
  await connection.query(statement, values);
  let isHeld = true;
  const letGo = async (): Promise<void> => {
    if (!isHeld) return;
    isHeld = false;
    await connection.query('ROLLBACK');
    connection.release();
  };
  locks.push(letGo);
  return letGo;
};
const lockThreads = (context: Context) =>
  holdLock('SELECT 1 FROM chatkit_thread WHERE user_id = $1 FOR UPDATE', [context.userId]);
afterEach(async () => {
  await Promise.all(locks.splice(0).map((letGo) => letGo()));
  await Promise.all(pools.splice(0).map((each) => each.end()));
  expect(unhandled.splice(0)).toEqual([]);
});

const threadOf = (id: string) => ({
  id,
  created_at: '2026-01-01T00:00:00Z',
  status: { type: 'active' as const },
  metadata: {},
});
let users = 0;
const someone = (): Context => ({ userId: `user ${++users}` });
const idsOf = async (store: Store<Context>, context: Context): Promise<string[]> =>
  (await store.listThreads({ limit: 50, order: 'asc' }, context)).data.map(({ id }) => id);
const never = new Promise<never>(() => {});
/** How many connections have a transaction open and do nothing. */
const leftOpen = async (): Promise<number> => {
  const { rows } = await pool().query(
    "SELECT count(*)::int AS left FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND backend_type = 'client backend'",
  );
  return rows[0].left;
};
const unreachable = { code: 'internal', retryable: true };

describe.skipIf(server === undefined)('createPostgresStore under faults', { timeout: 60_000 }, () => {
  it('ends a call that gets no connection, and works when there is one', async () => {
    const client = pool({ max: 2 });
    const me = someone();
    await createPostgresStore<Context>({ client }).saveThread(threadOf('a'), me);
    const store = createPostgresStore<Context>({ client, migrate: false, connectTimeoutMs: 50 });
    const held = [await client.connect(), await client.connect()];
    await expect(store.saveThread(threadOf('b'), me)).rejects.toMatchObject(unreachable);
    await expect(store.loadThread('a', me)).rejects.toThrow(/No connection/);
    await expect(store.transaction((tx) => tx.saveThread(threadOf('c'), me), me)).rejects.toMatchObject(unreachable);
    for (const each of held) each.release();
    const again = createPostgresStore<Context>({ client });
    await again.saveThread(threadOf('d'), me);
    expect(await idsOf(again, me)).toEqual(['a', 'd']);
    // What came too late was given back.
    expect([client.waitingCount, client.idleCount]).toEqual([0, client.totalCount]);
  });

  it('waits its turn while connections come back in time', async () => {
    const store = createPostgresStore<Context>({ client: pool({ max: 1 }) });
    const me = someone();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => store.transaction((tx) => tx.saveThread(threadOf(`t${n}`), me), me)),
    );
    expect(await idsOf(store, me)).toHaveLength(20);
  });

  it('ends when the tables cannot be made because nobody answers', async () => {
    const silent: PostgresPool = { query: () => never, connect: () => never };
    const store = createPostgresStore<Context>({ client: silent, connectTimeoutMs: 30, statementTimeoutMs: 30 });
    await expect(store.loadThread('a', someone())).rejects.toMatchObject(unreachable);
  });

  it('ends a statement that is not answered, and closes its connection', async () => {
    const client = pool({ max: 1 });
    const me = someone();
    await createPostgresStore<Context>({ client }).saveThread(threadOf('a'), me);
    const store = createPostgresStore<Context>({ client, migrate: false, statementTimeoutMs: 100 });
    const letGo = await holdLock('LOCK TABLE chatkit_item IN ACCESS EXCLUSIVE MODE');
    const stuck = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('half'), me);
      await tx.listItems('a', { limit: 5, order: 'asc' }, me);
    }, me);
    await expect(stuck).rejects.toMatchObject(unreachable);
    await expect(store.listItems('a', { limit: 5, order: 'asc' }, me)).rejects.toThrow(/100 ms/);
    await letGo();
    const patient = createPostgresStore<Context>({ client });
    expect(await idsOf(patient, me)).toEqual(['a']);
    expect((await patient.listItems('a', { limit: 5, order: 'asc' }, me)).data).toEqual([]);
  });

  it('stores nothing of a transaction whose connection is cut, wherever that is', async () => {
    const store = createPostgresStore<Context>({ client: pool({ max: 2 }) });
    const admin = pool();
    const cut = async (): Promise<void> => {
      await admin.query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
      );
    };
    const me = someone();
    const between = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('a'), me);
      await cut();
      await tx.saveThread(threadOf('b'), me);
    }, me);
    await expect(between).rejects.toThrow();
    const beforeTheEnd = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('c'), me);
      await cut();
    }, me);
    await expect(beforeTheEnd).rejects.toThrow();
    const nested = store.transaction(async (tx) => {
      await tx.saveThread(threadOf('d'), me);
      await tx.transaction(cut, me).catch(() => {});
      await tx.saveThread(threadOf('e'), me).catch(() => {});
    }, me);
    await expect(nested).rejects.toThrow();
    expect(await idsOf(store, me)).toEqual([]);
    await store.saveThread(threadOf('f'), me);
    expect(await idsOf(store, me)).toEqual(['f']);
  });

  // PostgreSQL answers the COMMIT of a transaction that had an error with ROLLBACK, and calls it a success.
  it('does not call a transaction done that the database undid', async () => {
    const store = createPostgresStore<Context>({ client: pool({ max: 1 }), statementTimeoutMs: 5_000 });
    const me = someone();
    await store.saveThread(threadOf('a'), me);
    const letGo = await lockThreads(me);
    const impatient = createPostgresStore<Context>({ client: pool({ max: 1, options: '-c lock_timeout=50' }) });
    const work = impatient.transaction(async (tx) => {
      // A lock timeout is not the end of a connection.
      await tx.saveThread(threadOf('b'), me);
      await tx.saveThread(threadOf('a'), me).catch(() => 'never mind');
    }, me);
    await expect(work).rejects.toMatchObject({ code: '55P03' });
    await letGo();
    expect(await idsOf(store, me)).toEqual(['a']);
    // In one of its own the same is the work's affair.
    await impatient.transaction(async (tx) => {
      await tx.saveThread(threadOf('c'), me);
      await tx.transaction(() => Promise.reject(new Error('inner')), me).catch(() => {});
    }, me);
    expect(await idsOf(store, me)).toEqual(['a', 'c']);
  });

  it('never gives back a connection on which a transaction may be open', async () => {
    const client = pool({ max: 1 });
    const released: (boolean | undefined)[] = [];
    // As `query_timeout` of pg has it: the client gives up, the database does not.
    const flaky: PostgresPool = {
      query: (text, values) => client.query(text, values),
      async connect() {
        const real = await client.connect();
        const connection: PostgresConnection = {
          async query(text, values) {
            const result = await real.query(text, values);
            if (text.startsWith('BEGIN')) throw new Error('Query read timeout');
            return result;
          },
          release(destroy) {
            released.push(destroy);
            real.release(destroy);
          },
        };
        return connection;
      },
    };
    const store = createPostgresStore<Context>({ client: flaky, migrate: false });
    await expect(store.transaction(async () => {}, someone())).rejects.toThrow('Query read timeout');
    expect(released).toEqual([true]);
    // The database learns of it by the connection's end.
    await expect.poll(leftOpen).toBe(0);
  });

  it('leaves no transaction open, however it ends', async () => {
    const client = pool({ max: 3, options: '-c statement_timeout=40' });
    const store = createPostgresStore<Context>({ client, statementTimeoutMs: 5_000 });
    const me = someone();
    await store.saveThread(threadOf('a'), me);
    const letGo = await lockThreads(me);
    const endings = await Promise.allSettled([
      store.transaction((tx) => tx.saveThread(threadOf('a'), me), me),
      store.transaction((tx) => tx.transaction((inner) => inner.saveThread(threadOf('a'), me), me), me),
      store.transaction(() => Promise.reject(new Error('undo')), me),
      store.transaction(async (tx) => void tx.saveThread(threadOf('a'), me).catch(() => {}), me),
    ]);
    expect(endings.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    await letGo();
    expect(await leftOpen()).toBe(0);
    expect(client.idleCount).toBe(client.totalCount);
    expect(await store.saveThread(threadOf('a'), me)).toBe(2);
  });

  it('is told of a deadlock as something to try again', async () => {
    const store = createPostgresStore<Context>({ client: pool({ options: '-c deadlock_timeout=50' }) });
    const me = someone();
    for (const id of ['a', 'b']) await store.saveThread(threadOf(id), me);
    let arrived = 0;
    let meet = () => {};
    const met = new Promise<void>((done) => {
      meet = done;
    });
    const crossing = (first: string, second: string) =>
      store.transaction(async (tx) => {
        await tx.saveThread(threadOf(first), me);
        arrived += 1;
        if (arrived === 2) meet();
        await met;
        await tx.saveThread({ ...threadOf(second), title: `after ${first}` }, me);
      }, me);
    const outcomes = await Promise.allSettled([crossing('a', 'b'), crossing('b', 'a')]);
    const lost = outcomes.filter((each) => each.status === 'rejected').map((each) => each.reason);
    expect(lost).toMatchObject([{ code: 'internal', retryable: true, cause: { code: '40P01' } }]);
    expect(await leftOpen()).toBe(0);
  });

  it('is not held up for good by a machine that is suspended in the middle of a transaction', async () => {
    const me = someone();
    const store = createPostgresStore<Context>({ client: pool() });
    await store.saveThread(threadOf('a'), me);
    const { client, suspended, resume } = suspendPool(pool(), 'INSERT INTO chatkit_item');
    onTestFinished(resume);
    const other = createPostgresStore<Context>({ client, idleTimeoutMs: 500, statementTimeoutMs: 600_000 });
    const lost = other.transaction(async (tx) => {
      await tx.saveThread(threadOf('a'), me);
      await tx.saveItem('a', userMessage({ id: 'm', thread_id: 'a', content: [] }), me);
    }, me);
    await suspended;
    expect(await store.saveThread(threadOf('a'), me)).toBe(2);
    resume();
    await expect(lost).rejects.toThrow();
    expect((await store.listItems('a', { limit: 1, order: 'asc' }, me)).data).toEqual([]);
  });

  it('does not depend on how strict the database is by default', async () => {
    const client = pool({ options: '-c default_transaction_isolation=serializable' });
    const store = createPostgresStore<Context>({ client });
    const me = someone();
    await store.saveThread(threadOf('a'), me);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        n % 2 === 0
          ? store.saveThread(threadOf('a'), me)
          : store.transaction(async (tx) => {
              const { thread } = await tx.loadThread('a', me);
              await tx.saveThread(thread, me);
            }, me),
      ),
    );
    expect((await store.loadThread('a', me)).version).toBe(41);
  });

  it('ends a call whose connection is refused in the moment in which it is made', async () => {
    const told = (type: string, body: Buffer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(body.length + 4);
      return Buffer.concat([Buffer.from(type), length, body]);
    };
    const fatal = told('E', Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0'));
    // Authenticated, ready, and shut down: all of it in one piece.
    const greeting = Buffer.concat([told('R', Buffer.alloc(4)), told('Z', Buffer.from('I')), fatal]);
    const refusing = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(greeting));
    });
    await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
    onTestFinished(() => void refusing.close());
    const { port } = refusing.address() as AddressInfo;
    const client = pool({ connectionString: `postgres://ada@127.0.0.1:${port}/chat` });
    const store = createPostgresStore<Context>({ client, migrate: false });
    await expect(store.loadThread('a', someone())).rejects.toThrow();
  });

  it.each(['restarted', 'read-only for a moment'])(
    'fails no call but a transaction while the server is %s',
    async (what) => {
      const store = createPostgresStore<Context>({ client: pool() });
      const me = someone();
      await store.saveThread(threadOf('a'), me);
      let isOver = false;
      const calls = async (): Promise<number> => {
        let done = 0;
        for (; !isOver || done < 50; done += 1) {
          await store.saveItem('a', userMessage({ id: `m${done}`, thread_id: 'a', content: [] }), me);
          await store.loadItem('a', `m${done}`, me);
          await store.saveItem('a', userMessage({ id: `m${done}`, thread_id: 'a', content: [] }), me);
        }
        return done;
      };
      const working = [calls(), calls(), calls()];
      const settle = Promise.all(working);
      if (what === 'restarted') await (server as PostgresServer).restart();
      else {
        const admin = pool();
        await admin.query('ALTER SYSTEM SET default_transaction_read_only = on');
        await admin.query('SELECT pg_reload_conf()');
        await expect
          .poll(async () => (await admin.query('SHOW default_transaction_read_only')).rows[0])
          .toEqual({
            default_transaction_read_only: 'on',
          });
        await expect(admin.query('CREATE TABLE none ()')).rejects.toMatchObject({ code: '25006' });
        await admin.query('ALTER SYSTEM RESET default_transaction_read_only');
        await admin.query('SELECT pg_reload_conf()');
      }
      isOver = true;
      expect(Math.min(...(await settle))).toBeGreaterThanOrEqual(50);
    },
  );

  it('waits for a database that is out of connections, as during a deploy', async () => {
    const admin = pool();
    // A superuser has connections of its own.
    await admin.query('CREATE ROLE visitor LOGIN');
    await admin.query('GRANT postgres TO visitor');
    const client = pool({ connectionString: server?.url.replace('postgres@', 'visitor@'), maxUses: 1 });
    const store = createPostgresStore<Context>({ client });
    const me = someone();
    await store.saveThread(threadOf('a'), me);
    await admin.query('ALTER ROLE visitor CONNECTION LIMIT 0');
    const saved = store.saveItem('a', userMessage({ id: 'm', thread_id: 'a', content: [] }), me);
    const done = store.transaction((tx) => tx.loadThread('a', me), me);
    const settled = Promise.allSettled([saved, done]);
    await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '53300' });
    await admin.query('ALTER ROLE visitor CONNECTION LIMIT -1');
    expect(await settled).toMatchObject([{ status: 'fulfilled' }, { status: 'fulfilled' }]);
  });

  it('goes on when the server has been restarted, though nobody listens to the errors of the pool', async () => {
    const store = createPostgresStore<Context>({ client: pool() });
    const me = someone();
    await store.saveThread(threadOf('a'), me);
    // Several connections, which do nothing when the server goes away.
    await Promise.all(Array.from({ length: 5 }, () => store.transaction((tx) => tx.loadThread('a', me), me)));
    await expect(
      store.transaction(async (tx) => {
        await tx.saveThread(threadOf('half'), me);
        await (server as PostgresServer).restart();
        await tx.saveThread(threadOf('b'), me);
      }, me),
    ).rejects.toThrow();
    expect(await idsOf(store, me)).toEqual(['a']);
    expect(await store.saveThread(threadOf('c'), me)).toBe(1);
  });
});
