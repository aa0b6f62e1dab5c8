import {
  createPostgresStore,
  migratePostgres,
  type PostgresPool,
  type PostgresTransactor,
} from '@chatkit/store/postgres';
import { describeStore } from '@chatkit/testing/conformance';
import pg from 'pg';
import { afterAll, describe, expect, it } from 'vitest';
import { startPostgres } from './postgres-server.ts';

type Context = { userId: string };
const server = await startPostgres();
const pools: pg.Pool[] = [];
const pool = (options: pg.PoolConfig = {}): pg.Pool => {
  const made = new pg.Pool({ connectionString: server?.url, ...options });
  pools.push(made);
  return made;
};
let databases = 0;
/** The address of a database with nothing in it. */
const freshDatabase = async (): Promise<string> => {
  const name = `test_${++databases}`;
  await pool().query(`CREATE DATABASE ${name}`);
  return (server?.url ?? '').replace(/\/postgres$/, `/${name}`);
};
afterAll(async () => {
  await Promise.all(pools.map((each) => each.end()));
  await server?.stop();
});

/** For what hangs. A hundred writers of one thread are some thousand transactions: 28 s at a load of 30. */
const timeoutMs = 120_000;
const me = { userId: 'ada' };
const thread = { id: 'thr', created_at: '2026-01-01T00:00:00Z', status: { type: 'active' as const }, metadata: {} };

describe.skipIf(server === undefined)(`on ${server?.version ?? 'PostgreSQL (not found)'}`, () => {
  describeStore('createPostgresStore', () => createPostgresStore<Context>({ client: pool() }), { runs: 40, timeoutMs });

  /** A client that is one connection and has transactions of its own, as PGlite is. */
  const transactor = async (): Promise<PostgresTransactor> => {
    const [main, own] = [pool(), pool({ max: 1 })];
    return {
      query: (text, values) => main.query(text, values),
      async transaction(work) {
        const connection = await own.connect();
        try {
          await connection.query('BEGIN');
          const result = await work(connection);
          await connection.query('COMMIT');
          return result;
        } catch (error) {
          await connection.query('ROLLBACK');
          throw error;
        } finally {
          connection.release();
        }
      },
    };
  };
  describeStore(
    'createPostgresStore, over a client with transactions of its own',
    async () => createPostgresStore<Context>({ client: await transactor() }),
    { runs: 10, timeoutMs },
  );

  describe('createPostgresStore, beyond the contract', () => {
    it('migrates once, however many processes start together, and again does nothing', async () => {
      const connectionString = await freshDatabase();
      await Promise.all(Array.from({ length: 8 }, () => migratePostgres(pool({ connectionString }))));
      const client = pool({ connectionString });
      await migratePostgres(client);
      const steps = (await client.query('SELECT step FROM chatkit_migration')).rows;
      expect(steps.length).toBeGreaterThan(1);
      expect(steps).toEqual(steps.map((_, at) => ({ step: at + 1 })));
    });

    it('works with a role that may not create tables, once they are there', async () => {
      const connectionString = await freshDatabase();
      const admin = pool({ connectionString });
      await migratePostgres(admin);
      await admin.query('CREATE ROLE app LOGIN');
      await admin.query('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app');
      const app = pool({ connectionString: connectionString.replace('postgres@', 'app@') });
      for (const migrate of [true, false])
        expect(await createPostgresStore({ client: app, migrate }).saveThread(thread, me)).toBe(migrate ? 1 : 2);
    });

    it('tries the migration again when it failed', async () => {
      const connectionString = await freshDatabase();
      const client = pool({ connectionString });
      let down = true;
      const flaky: PostgresPool = {
        query: (text, values) => client.query(text, values),
        connect: () => (down ? Promise.reject(new Error('down')) : client.connect()),
      };
      const store = createPostgresStore({ client: flaky });
      await expect(store.saveThread(thread, me)).rejects.toThrow('down');
      down = false;
      expect(await store.saveThread(thread, me)).toBe(1);
    });

    it('loses nothing when transactions read a thread and write it back without a version', async () => {
      const client = pool();
      const store = createPostgresStore<Context>({ client });
      const you = { userId: 'reads and writes back' };
      await store.saveThread(thread, you);
      await Promise.all(
        Array.from({ length: 30 }, (_, n) =>
          store.transaction(async (tx) => {
            const { thread: held } = await tx.loadThread('thr', you);
            await tx.saveThread({ ...held, metadata: { ...held.metadata, [`k${n}`]: n } }, you);
          }, you),
        ),
      );
      expect(Object.keys((await store.loadThread('thr', you)).thread.metadata)).toHaveLength(30);
      expect(client.idleCount).toBe(client.totalCount);
    });

    it('gives the connection back when the transaction fails, and closes one that is broken', async () => {
      const client = pool({ max: 1 });
      client.on('error', () => {});
      const store = createPostgresStore<Context>({ client });
      const you = { userId: 'breaks' };
      for (let n = 0; n < 3; n += 1)
        await expect(store.transaction(() => Promise.reject(new Error('undo')), you)).rejects.toThrow('undo');
      const broken = store.transaction(async (tx) => {
        await tx.saveThread(thread, you);
        const { rows } = await pool().query(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'",
        );
        expect(rows).toHaveLength(1);
        await tx.saveThread({ ...thread, id: 'second' }, you);
      }, you);
      await expect(broken).rejects.toThrow();
      expect((await store.listThreads({ limit: 5, order: 'asc' }, you)).data).toEqual([]);
    });

    it('refuses a single connection', async () => {
      const single = new pg.Client(server?.url);
      await single.connect();
      // @ts-expect-error: its connect() gives no connection.
      const store = createPostgresStore<Context>({ client: single, migrate: false });
      const fresh = new pg.Client(server?.url);
      // @ts-expect-error: the same, before it is connected.
      const other = createPostgresStore<Context>({ client: fresh, migrate: false });
      await expect(store.transaction(async () => {}, me)).rejects.toThrow();
      await expect(other.transaction(async () => {}, me)).rejects.toThrow(/needs to be a pool/);
      await Promise.all([single.end(), fresh.end()]);
    });

    it('finds a page by the index, not by a scan', async () => {
      const connectionString = await freshDatabase();
      const client = pool({ connectionString, max: 1 });
      await migratePostgres(client);
      await client.query(
        "INSERT INTO chatkit_thread (user_id, id, created_us, version, body) VALUES ('u', 't', 0, 1, '{}')",
      );
      await client.query(
        "INSERT INTO chatkit_item (user_id, thread_id, id, created_us, body) SELECT 'u', 't', 'm' || n, 5, '{}' FROM generate_series(1, 20000) n",
      );
      await client.query('ANALYZE');
      const { rows } = await client.query(
        `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS OFF) SELECT id, body FROM chatkit_item WHERE user_id = $1
         AND thread_id = $2 AND (created_us, seq) < ($4, $5) ORDER BY created_us DESC, seq DESC LIMIT $3`,
        ['u', 't', 21, 5, 10_000],
      );
      const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
      expect(plan).toMatch(/Index Scan Backward using chatkit_item_order/);
      expect(plan).not.toMatch(/Seq Scan|Sort|Rows Removed/);
    });
  });
});
