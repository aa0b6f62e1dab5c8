import { formatOffset, type LogEntry, type StreamLog, textDelta } from '@chatkit/core';
import {
  createPostgresLease,
  createPostgresLog,
  type PostgresLog,
  type PostgresLogOptions,
  type PostgresPool,
} from '@chatkit/store/postgres';
import { collect } from '@chatkit/stream';
import { describeStreamLog } from '@chatkit/testing/conformance';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { checkLogLaw } from './log-law.ts';
import { startPostgres } from './postgres-server.ts';
import { suspendPool } from './suspended-pool.ts';

const server = await startPostgres();
const pools: pg.Pool[] = [];
const opened: PostgresLog[] = [];
const pool = (): pg.Pool => {
  const made = new pg.Pool({ connectionString: server?.url, max: 4 });
  made.on('error', () => {});
  pools.push(made);
  return made;
};
/** A machine with connections of its own. */
const open = (options: Partial<PostgresLogOptions> = {}): PostgresLog => {
  const log = createPostgresLog({ client: pool(), checkMs: 100, unreachableMs: 10_000, ...options });
  opened.push(log);
  return log;
};
afterAll(async () => {
  for (const log of opened) await log.close();
  await Promise.all(pools.map((each) => each.end()));
  await server?.stop();
});

const entry = (seq: number, epoch = 1): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: textDelta('a', `${epoch}-${seq} `),
});
const end = (seq: number, epoch = 1): LogEntry => ({ offset: formatOffset(epoch, seq), end: 'completed' });
const offsets = (from: number, to: number, epoch = 1) =>
  Array.from({ length: to - from + 1 }, (_, index) => formatOffset(epoch, from + index));
const read = async (log: StreamLog, run: string): Promise<string[]> =>
  (await collect(log.read(run))).map(({ offset }) => offset);
const outcomeOf = (work: () => unknown): Promise<unknown> =>
  (async () => work())().then(
    () => 'done',
    (error) => error.code,
  );
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((done) => setTimeout(done, 5));
};
const untilStored = async (run: string, seq: number): Promise<void> => {
  const [watch] = pools as [pg.Pool];
  for (;;) {
    const { rows } = await watch.query('SELECT seq FROM chatkit_log_run WHERE id = $1', [run]);
    if (Number(rows[0]?.seq) >= seq) return;
    await new Promise((done) => setTimeout(done, 5));
  }
};

describe.skipIf(server === undefined)(`on ${server?.version ?? 'PostgreSQL (not found)'}`, () => {
  describeStreamLog('createPostgresLog', () => open(), {
    createSmallLog: () => open({ maxBytesPerRun: 20_000 }),
    hasRows: true,
    runs: 30,
  });

  // What one machine makes and appends, another one reads.
  describeStreamLog('createPostgresLog, from another machine', () => ({ ...open(), read: open().read }), { runs: 8 });

  // A run that one machine has made is written by another one, and read by a third.
  describeStreamLog('createPostgresLog, taken over', () => ({ ...open(), create: open().create, read: open().read }), {
    runs: 8,
  });

  describe('createPostgresLog, beyond the contract', { timeout: 60_000 }, () => {
    it('gives each reader of two machines every entry once, in order, or a reason', async () => {
      const fast = { flushMs: 3, checkMs: 50 };
      await checkLogLaw([open(fast), open(fast)], 25);
    });

    it('writes many runs together, each what is its own', async () => {
      const [log, other] = [open(), open()];
      const ids = ['many a', 'many "b', 'many \\u0000', 'many ключ', 'many 😀'];
      const texts = ['plain', '\0', '\ud800', '"\\', '漢'];
      await Promise.all(ids.map((id) => log.create(id)));
      const entriesOf = (id: string) => [
        ...texts.map((text, at) => ({ offset: formatOffset(1, at + 1), event: textDelta(id, text) })),
        end(texts.length + 1),
      ];
      await Promise.all(ids.map((id) => log.append(id, entriesOf(id))));
      for (const id of ids) expect(await collect(other.read(id))).toEqual(entriesOf(id));
    });

    it('fences off an owner that was taken over, and its readers go on with the next epoch', async () => {
      const [zombie, heir] = [open(), open()];
      await zombie.create('fenced');
      zombie.append('fenced', [entry(1), entry(2)]);
      const [here, there] = [read(zombie, 'fenced'), read(heir, 'fenced')];
      await untilStored('fenced', 2);
      await heir.create('fenced');
      await heir.append('fenced', [entry(1, 2)]);
      const late = async () => {
        for (let seq = 3; ; seq += 1) {
          await zombie.append('fenced', [entry(seq)]);
          await new Promise((done) => setTimeout(done, 5));
        }
      };
      expect(await outcomeOf(late)).toBe('run.interrupted');
      await heir.append('fenced', [end(2, 2)]);
      expect(await there).toEqual([...offsets(1, 2), ...offsets(1, 2, 2)]);
      expect((await here).slice(-2)).toEqual(offsets(1, 2, 2));
    });

    it('tells readers of an owner that has fallen silent', async () => {
      const [owner, heir] = [open(), open()];
      await owner.create('silent');
      owner.append('silent', [entry(1)]);
      const reading = read(owner, 'silent');
      await untilStored('silent', 1);
      await heir.append('silent', [end(1, 2)]);
      expect(await reading).toEqual(['1-1', '2-1']);
    });

    it('is not held up by a machine that is suspended in the middle of a transaction', async () => {
      const { client, suspended, resume } = suspendPool(pool(), 'UPDATE chatkit_log_run');
      onTestFinished(resume);
      const [owner, heir] = [open({ client, statementTimeoutMs: 600_000 }), open()];
      await owner.create('suspended');
      owner.append('suspended', [entry(1)]);
      await suspended;
      await heir.append('suspended', [end(1, 2)]);
      expect(await read(heir, 'suspended')).toEqual(['2-1']);
    });

    it('is not asked for pages of runs that nobody writes, however many read them elsewhere', async () => {
      let pages = 0;
      const real = pool();
      const client: PostgresPool = {
        query: (text, values) => real.query(text, values),
        async connect() {
          const connection = await real.connect();
          return {
            query(text, values) {
              if (text.includes('chatkit_log_batch')) pages += 1;
              return connection.query(text, values);
            },
            release: (destroy) => connection.release(destroy),
          };
        },
      };
      const [owner, other] = [open(), open({ client })];
      const silent = Array.from({ length: 20 }, (_, index) => `nobody writes ${index}`);
      for (const id of ['somebody writes', ...silent]) await owner.create(id);
      const readings = silent.map((id) => read(other, id));
      const written: string[] = [];
      const reading = (async () => {
        for await (const { offset } of other.read('somebody writes')) written.push(offset);
      })();
      for (let seq = 1; seq <= 10; seq += 1) {
        owner.append('somebody writes', [entry(seq)]);
        await until(() => written.length === seq);
      }
      // Each may be fetched once for its reader, and once for the first look at it.
      expect(pages).toBeLessThanOrEqual(2 * silent.length + 2 * 11);
      for (const id of ['somebody writes', ...silent]) await owner.append(id, [end(11)]);
      await reading;
      expect(await Promise.all(readings)).toEqual(silent.map(() => offsets(11, 11)));
    });

    it('ends readers elsewhere when its lease has ended without it', async () => {
      const [owner, other] = [open(), open()];
      const lease = createPostgresLease({ client: pool() });
      const claim = { runId: 'orphan', threadId: 'thread', resumable: true };
      await lease.acquire(claim);
      await owner.create('orphan');
      owner.append('orphan', [entry(1)]);
      const reading = outcomeOf(() => read(other, 'orphan'));
      await untilStored('orphan', 1);
      await lease.release({ ...claim, epoch: 1 }, 'failed');
      expect(await reading).toBe('log.expired');
      await lease.close();
    });

    it('goes on when its connections are cut, each entry once', async () => {
      const client = pool();
      const [log, other] = [open({ client, statementTimeoutMs: 600_000 }), open()];
      await log.create('cut');
      log.append('cut', [entry(1)]);
      const readers = [read(log, 'cut'), read(other, 'cut')];
      await untilStored('cut', 1);
      for (let seq = 2; seq <= 60; seq += 1) {
        if (seq % 20 === 0)
          await pools[0]?.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
        await log.append('cut', [entry(seq)]);
        await new Promise((done) => setTimeout(done, 5));
      }
      await log.append('cut', [end(61)]);
      expect(await Promise.all(readers)).toEqual([offsets(1, 61), offsets(1, 61)]);
    });

    it('gives up on a database that is away, with a retryable error', async () => {
      const away = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
      pools.push(away);
      const real = pool();
      let isAway = false;
      const client = {
        query: (text: string, values?: unknown[]) => (isAway ? away : real).query(text, values),
        connect: () => (isAway ? away : real).connect(),
      };
      const log = open({ client, unreachableMs: 300 });
      await log.create('away');
      const reading = outcomeOf(() => read(log, 'away'));
      isAway = true;
      log.append('away', [entry(1)]);
      expect(await reading).toBe('internal');
      expect(await outcomeOf(() => log.append('away', [end(2)]))).toBe('internal');
      isAway = false;
      await log.create('back');
      await log.append('back', [end(1)]);
      expect(await read(open(), 'back')).toEqual(['1-1']);
    });
  });
});
