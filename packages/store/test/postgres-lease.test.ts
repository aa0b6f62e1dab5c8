import { createId, type RunClaim, type RunLease, type RunRecord } from '@chatkit/core';
import { createPostgresLease, type PostgresPool } from '@chatkit/store/postgres';
import { createVirtualClock } from '@chatkit/testing';
import { describeRunLease } from '@chatkit/testing/conformance';
import pg from 'pg';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { leaseByClock, type PostgresLeaseOptions } from '../src/postgres/postgres-lease.ts';
import { checkLeaseLaw, endAll, lawTtlMs } from './lease-law.ts';
import { startPostgres } from './postgres-server.ts';
import { suspendPool } from './suspended-pool.ts';

const server = await startPostgres();
const pools: pg.Pool[] = [];
const leases: RunLease[] = [];
const pool = (options: pg.PoolConfig = {}): pg.Pool => {
  const made = new pg.Pool({ connectionString: server?.url, max: 4, ...options });
  // One that a test uses itself may be cut, too.
  made.on('error', () => {});
  pools.push(made);
  return made;
};
afterAll(async () => {
  for (const lease of leases) await lease.close();
  await Promise.all(pools.map((each) => each.end()));
  await server?.stop();
});
const clock = createVirtualClock();
/** A machine with connections of its own. */
const machine = (options: Omit<PostgresLeaseOptions, 'client'> & { client?: PostgresPool } = {}): RunLease => {
  const lease = createPostgresLease({ client: pool(), ...options });
  leases.push(lease);
  return lease;
};
const timed = (ttlMs: number): RunLease => {
  const lease = leaseByClock({ client: pool(), ttlMs }, () => clock.now());
  leases.push(lease);
  return lease;
};
const claimOf = (threadId = createId('thread')): RunClaim => ({ runId: createId('run'), threadId, resumable: true });
const granted = async (lease: RunLease, claim: RunClaim): Promise<RunRecord> => {
  const answer = await lease.acquire(claim);
  if ('granted' in answer) return answer.granted;
  throw new Error('It was not granted.');
};
const until = async (check: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await check())) await new Promise((done) => setTimeout(done, 5));
};

/** A pool that counts what is asked of it. What other leases do meanwhile, on pools of their own, does not count. */
const countTrips = (counted: pg.Pool): PostgresPool & { trips: number } => ({
  trips: 0,
  query(text, values) {
    this.trips += 1;
    return counted.query(text, values);
  },
  async connect() {
    const connection = await counted.connect();
    return {
      query: (text, values) => {
        this.trips += 1;
        return connection.query(text, values);
      },
      release: (destroy) => connection.release(destroy),
      on: (event: never, listener: never) => connection.on(event, listener),
      off: (event, listener) => connection.off(event, listener),
    };
  },
});

describe.skipIf(server === undefined)(`on ${server?.version ?? 'PostgreSQL (not found)'}`, () => {
  describeRunLease('createPostgresLease', (ttlMs) => [timed(ttlMs), timed(ttlMs)], {
    passTime: (ms) => clock.advance(ms),
    runs: 20,
  });

  describe('createPostgresLease, beyond the contract', { timeout: 120_000 }, () => {
    it('answers two machines as the lease in memory does, at any time', async () => {
      await checkLeaseLaw([timed(lawTtlMs), timed(lawTtlMs)], clock, 5);
    });

    /** Ends what other tests have left. */
    const tidy = async (lease: RunLease): Promise<void> => {
      for (let left = await lease.reap(); left.length > 0; left = await lease.reap())
        for (const run of left) await lease.release(run, 'interrupted');
    };

    it('takes over fifty dead runs in as many trips to the database as one, each by one machine', async () => {
      const ttlMs = 1_000;
      const dead = timed(ttlMs);
      const trips = async (count: number): Promise<number> => {
        await clock.advance(100_000);
        await tidy(dead);
        const claims = Array.from({ length: count }, () => claimOf());
        for (const claim of claims) await granted(dead, claim);
        await clock.advance(ttlMs);
        const counting = countTrips(pool());
        const [first, second] = [leaseByClock({ client: counting, ttlMs }, () => clock.now()), timed(ttlMs)];
        leases.push(first);
        // Its connections and its tables are there.
        await first.find('none');
        await second.find('none');
        const before = counting.trips;
        const mine = await first.reap();
        const made = counting.trips - before;
        const [more, others] = await Promise.all([first.reap(), second.reap()]);
        const all = [...mine, ...more, ...others];
        expect(all.map(({ runId, epoch }) => [runId, epoch]).sort()).toEqual(
          claims.map(({ runId }) => [runId, 2]).sort(),
        );
        for (const run of all) await first.release(run, 'interrupted');
        return made;
      };
      const one = await trips(1);
      expect(one).toBeGreaterThan(0);
      expect(await trips(50)).toBe(one);
    });

    it('lets two machines take over what the same machine has left, at the same moment, without a deadlock', async () => {
      const ttlMs = 1_000;
      const [dead, ...alive] = [timed(ttlMs), timed(ttlMs), timed(ttlMs), timed(ttlMs)] as const;
      await clock.advance(100_000);
      await tidy(dead);
      for (let round = 0; round < 5; round += 1) {
        const claims = Array.from({ length: 20 }, () => claimOf());
        for (const claim of claims) await granted(dead, claim);
        await clock.advance(ttlMs);
        // Others ask for the same threads meanwhile.
        const asked = claims.map(({ threadId }) => dead.acquire(claimOf(threadId), 'm'));
        const taken = (await Promise.all(alive.map((lease) => lease.reap()))).flat();
        await Promise.all(asked);
        expect(taken.map(({ runId }) => runId).sort()).toEqual(claims.map(({ runId }) => runId).sort());
        for (const run of taken) await dead.release(run, 'interrupted');
      }
    });

    it('is not held up by a machine that is suspended in the middle of a decision', async () => {
      const { client, suspended, resume } = suspendPool(pool(), 'INSERT INTO chatkit_lease_run');
      onTestFinished(resume);
      const claim = claimOf();
      const lost = machine({ client, statementTimeoutMs: 600_000 }).acquire(claim);
      lost.catch(() => {});
      await suspended;
      expect(await granted(machine(), claimOf(claim.threadId))).toMatchObject({ threadId: claim.threadId, epoch: 1 });
    });

    it('goes by the clock of the database', async () => {
      // By it, what other tests have left in a time of their own has run out long ago.
      await pool().query('DELETE FROM chatkit_lease_run');
      const [a, b] = [machine({ ttlMs: 400 }), machine({ ttlMs: 600_000 })];
      const [short, long] = [await granted(a, claimOf()), await granted(b, claimOf())];
      const reaped: RunRecord[] = [];
      await until(async () => {
        reaped.push(...(await b.reap()));
        return reaped.length > 0;
      });
      expect(reaped).toEqual([{ ...short, epoch: 2 }]);
      expect(await a.renew(short)).toEqual({ held: false });
      expect(await b.renew(long)).toEqual({ held: true });
      for (const run of [{ ...short, epoch: 2 }, long]) await b.release(run, 'interrupted');
    });

    it('grants a thread, and a run that is sent to many threads, once of many that ask at the same moment', async () => {
      const machines = [machine(), machine(), machine()];
      for (let round = 0; round < 20; round += 1) {
        const { threadId } = claimOf();
        const answers = await Promise.all(
          machines.flatMap((each) => [each.acquire(claimOf(threadId)), each.acquire(claimOf(threadId))]),
        );
        expect(answers.filter((answer) => 'granted' in answer)).toHaveLength(1);
        const { runId } = claimOf();
        const sent = await Promise.all(
          machines.flatMap((each) => [1, 2, 3].map(() => each.acquire({ ...claimOf(), runId }))),
        );
        expect(sent.filter((answer) => 'granted' in answer)).toHaveLength(1);
      }
    });

    it('renews against those who reap: whoever has the run has it alone', async () => {
      const [a, b] = [timed(lawTtlMs), timed(lawTtlMs)];
      const outcomes = new Set<string>();
      await endAll(b, clock);
      for (let round = 0; round < 30; round += 1) {
        const run = await granted(a, claimOf());
        await clock.advance(lawTtlMs - (round % 2));
        const racing = Promise.all([a.renew(run), b.reap(), a.renew(run), b.reap()]);
        await clock.advance(1);
        const [first, reaped, second, again] = await racing;
        const taken = [...reaped, ...again].filter(({ runId }) => runId === run.runId);
        // Or neither: it had run out by the time of the renewal, and had not when it was looked for.
        expect(taken.length + (first.held || second.held ? 1 : 0)).toBeLessThanOrEqual(1);
        const now = await a.find(run.runId);
        expect(now?.epoch).toBe(1 + taken.length);
        outcomes.add(taken.length === 1 ? 'taken' : 'kept');
        if (taken.length === 1) expect((await a.renew(run)).held).toBe(false);
        await a.release({ ...run, epoch: now?.epoch ?? 1 }, 'completed');
      }
      expect(outcomes).toContain('taken');
      expect(outcomes).toContain('kept');
    });

    it('hears again when its connection was cut', async () => {
      const [a, b] = [machine({ ttlMs: 600 }), machine({ ttlMs: 60_000 })];
      const heard: string[] = [];
      a.onStop((runId) => heard.push(runId));
      const run = await granted(b, claimOf());
      const told = () => {
        void b.requestStop(run.runId, 'cancel').catch(() => {});
        return heard.length > 0;
      };
      await until(told);
      const admin = pool();
      await admin.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' OR query = 'SELECT 1'",
      );
      heard.length = 0;
      await until(told);
      await b.release(run, 'cancelled');
    });

    it('outlives a restart of the database: what is held is held, and stops are heard', async () => {
      const [a, b] = [machine({ ttlMs: 60_000 }), machine({ ttlMs: 60_000 })];
      const heard: string[] = [];
      a.onStop((runId) => heard.push(runId));
      const run = await granted(a, claimOf());
      await server?.restart();
      await until(() =>
        a.renew(run).then(
          ({ held }) => held,
          () => false,
        ),
      );
      await until(() => {
        void b.requestStop(run.runId, 'cancel').catch(() => {});
        return heard.includes(run.runId);
      });
      expect(await b.find(run.runId)).toEqual(run);
      expect(await a.renew(run)).toEqual({ held: true, stop: 'cancel' });
    });

    it('waits for a database that restarts', async () => {
      const a = machine({ ttlMs: 60_000 });
      const run = await granted(a, claimOf());
      const restarted = server?.restart();
      const probe = pool();
      await until(() =>
        probe.query('SELECT 1').then(
          () => false,
          () => true,
        ),
      );
      const [next, , found] = await Promise.all([a.acquire(claimOf()), a.release(run, 'completed'), a.find(run.runId)]);
      expect(next).toMatchObject({ granted: { epoch: 1 } });
      expect(found).toMatchObject({ runId: run.runId });
      await restarted;
    });

    it('fails as retryable without a connection, and lets go of what it listened on', async () => {
      const small = pool({ max: 2 });
      const lease = createPostgresLease({ client: small, connectTimeoutMs: 100 });
      const end = lease.onStop(() => {});
      await granted(lease, claimOf());
      const held = [await small.connect()];
      await expect(lease.acquire(claimOf())).rejects.toMatchObject({ code: 'internal', retryable: true });
      held[0]?.release();
      end();
      await lease.close();
      await until(() => small.totalCount === small.idleCount);
      held.splice(0, 1, await small.connect(), await small.connect());
      for (const each of held) each.release();
      expect(() => createPostgresLease({} as PostgresLeaseOptions)).toThrow('needs a pool');
    });
  });
});
