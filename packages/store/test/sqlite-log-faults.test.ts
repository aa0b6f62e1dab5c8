/** What happens to runs and readers when a process is killed, a run is taken over, or the file is busy, full, removed or replaced. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { formatOffset, type LogEntry, type StreamLog, textDelta } from '@chatkit/core';
import { createSqliteLease, createSqliteLog, type SqliteLog, type SqliteLogOptions } from '@chatkit/store/sqlite';
import { collect } from '@chatkit/stream';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'chatkit-sqlite-log-faults-'));
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;
const freshPath = () => join(folder, `${++files}.db`);
const open = (path: string, options: Partial<SqliteLogOptions> = {}): SqliteLog => {
  const log = createSqliteLog({ path, checkMs: 50, unreachableMs: 10_000, ...options });
  closers.push(() => log.close());
  return log;
};
/** A connection of its own to the file. */
const connect = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path);
  closers.push(() => database.isOpen && database.close());
  return database;
};

const entry = (seq: number, epoch = 1): LogEntry => ({
  offset: formatOffset(epoch, seq),
  event: textDelta('a', `${epoch}-${seq} `),
});
const note = (seq: number, text: string): LogEntry => ({
  offset: formatOffset(1, seq),
  event: { type: 'progress_update', text },
});
const end = (seq: number, epoch = 1): LogEntry => ({ offset: formatOffset(epoch, seq), end: 'completed' });
const offsets = (from: number, to: number, epoch = 1) =>
  Array.from({ length: to - from + 1 }, (_, index) => formatOffset(epoch, from + index));
const read = async (log: StreamLog, run: string, after?: string): Promise<string[]> =>
  (await collect(log.read(run, { after }))).map(({ offset }) => offset);
const outcomeOf = (work: () => unknown): Promise<unknown> =>
  (async () => work())().then(
    () => 'done',
    (error) => error.code,
  );
const until = async (check: () => boolean): Promise<void> => {
  while (!check()) await new Promise((done) => setTimeout(done, 5));
};
/** Until the file has this offset of the run. */
const untilStored = async (database: DatabaseSync, run: string, seq: number): Promise<void> => {
  const stored = database.prepare('SELECT seq FROM chatkit_log_run WHERE id = ?');
  await until(() => Number(stored.get(run)?.['seq']) >= seq);
};

describe('a process that is killed', () => {
  /** Runs `code` in a process of its own, which ends itself. */
  const inProcess = async (path: string, code: string): Promise<NodeJS.Signals | null> => {
    const program = `
      import { DatabaseSync } from 'node:sqlite';
      import { setTimeout as pause } from 'node:timers/promises';
      const { createSqliteLog } = await import(${JSON.stringify(new URL('../src/sqlite/index.ts', import.meta.url).href)});
      const log = createSqliteLog({ path: ${JSON.stringify(path)} });
      const stored = new DatabaseSync(${JSON.stringify(path)}).prepare("SELECT seq FROM chatkit_log_run WHERE id = 'run'");
      const update = { type: 'assistant_message.content_part.text_delta', content_index: 0 };
      const append = (seq) => log.append('run', [{ offset: '1-' + seq,
        event: { type: 'thread.item.updated', item_id: 'a', update: { ...update, delta: '1-' + seq + ' ' } } }]);
      await log.create('run');
      ${code}`;
    const flags = ['--conditions=@chatkit/source', '--disable-warning=ExperimentalWarning', '--input-type=module'];
    const child = spawn(process.execPath, [...flags, '-e', program], { stdio: ['ignore', 'inherit', 'inherit'] });
    const [, signal] = await once(child, 'exit');
    return signal;
  };

  it.each([0, 1, 2, 5])('leaves what it had written: %i batches, and nothing of the next one', async (batches) => {
    const path = freshPath();
    const signal = await inProcess(
      path,
      `for (let seq = 1; seq <= ${batches}; seq += 1) {
         append(seq);
         while (stored.get().seq < seq) await pause(1);
       }
       append(${batches + 1});
       process.kill(process.pid, 'SIGKILL');
       await pause(10_000);`,
    );
    expect(signal).toBe('SIGKILL');
    const log = open(path);
    const reading = collect(log.read('run'));
    await log.create('run');
    await log.append('run', [entry(1, 2), { offset: '2-2', end: 'interrupted' }]);
    const told = Array.from({ length: batches }, (_, at) => entry(at + 1));
    expect(await reading).toEqual([...told, entry(1, 2), { offset: '2-2', end: 'interrupted' }]);
  });

  it('loses an interval at most, and its readers elsewhere go on with what the next owner writes', async () => {
    const path = freshPath();
    const log = open(path);
    const dying = inProcess(
      path,
      `for (let seq = 1; ; seq += 1) {
         append(seq);
         await pause(2);
         if (seq < 60) continue;
         while (stored.get().seq < 50) await pause(1);
         process.kill(process.pid, 'SIGKILL');
       }`,
    );
    const seen: LogEntry[] = [];
    const run = connect(path).prepare("SELECT id FROM chatkit_log_run WHERE id = 'run'");
    await until(() => run.get() !== undefined);
    const reading = (async () => {
      for await (const each of log.read('run')) seen.push(each);
    })();
    await dying;
    await log.append('run', [{ offset: '2-1', end: 'interrupted' }]);
    await reading;
    const told = seen.length - 1;
    expect(told).toBeGreaterThanOrEqual(50);
    expect(seen).toEqual([
      ...Array.from({ length: told }, (_, at) => entry(at + 1)),
      { offset: '2-1', end: 'interrupted' },
    ]);
  });
});

describe('a run that is taken over', () => {
  it('is fenced off from its old owner, whose readers go on with the next epoch', async () => {
    const path = freshPath();
    const [zombie, heir] = [open(path), open(path)];
    await zombie.create('run');
    for (let seq = 1; seq <= 3; seq += 1) zombie.append('run', [entry(seq)]);
    const there: string[] = [];
    const reading = (async () => {
      for await (const each of zombie.read('run')) there.push(each.offset);
    })();
    const elsewhere = read(heir, 'run');
    await until(() => there.length === 3);
    await untilStored(connect(path), 'run', 3);

    await heir.create('run');
    await heir.append('run', [entry(1, 2)]);
    const late = outcomeOf(async () => {
      for (let seq = 4; ; seq += 1) {
        await zombie.append('run', [entry(seq)]);
        await new Promise((done) => setTimeout(done, 5));
      }
    });
    expect(await late).toBe('run.interrupted');
    await heir.append('run', [{ offset: '2-2', end: 'interrupted' }]);
    await reading;
    // It had heard of some that never reached the log.
    expect(there.slice(0, 3)).toEqual(offsets(1, 3));
    expect(there.slice(-2)).toEqual(offsets(1, 2, 2));
    expect(await elsewhere).toEqual([...offsets(1, 3), ...offsets(1, 2, 2)]);
    expect(await read(zombie, 'run')).toEqual(await elsewhere);
    expect(await outcomeOf(() => zombie.append('run', [entry(99)]))).toBe('log.closed');
  });

  it('tells readers of an owner that has fallen silent', async () => {
    const path = freshPath();
    const [owner, heir] = [open(path), open(path)];
    await owner.create('run');
    for (let seq = 1; seq <= 3; seq += 1) owner.append('run', [entry(seq)]);
    const reading = read(owner, 'run');
    await untilStored(connect(path), 'run', 3);
    await heir.create('run');
    await heir.append('run', [entry(1, 2), { offset: '2-2', end: 'interrupted' }]);
    expect(await reading).toEqual([...offsets(1, 3), ...offsets(1, 2, 2)]);
  });

  it('tells readers of a silent owner that the run was deleted elsewhere', async () => {
    const path = freshPath();
    const [owner, other] = [open(path), open(path)];
    await owner.create('run');
    owner.append('run', [entry(1)]);
    const reading = outcomeOf(() => read(owner, 'run'));
    await untilStored(connect(path), 'run', 1);
    await other.delete('run');
    expect(await reading).toBe('log.expired');
    expect(await outcomeOf(() => owner.append('run', [entry(2)]))).toBe('run.not_found');
  });

  it('is not read from memory any more when it has ended and was deleted elsewhere', async () => {
    const path = freshPath();
    const [owner, other] = [open(path), open(path)];
    await owner.create('run');
    await owner.append('run', [entry(1), end(2)]);
    await other.delete('run');
    let outcome: unknown = 'done';
    while (outcome === 'done') {
      await new Promise((done) => setTimeout(done, 5));
      outcome = await outcomeOf(() => read(owner, 'run'));
    }
    expect(outcome).toBe('run.not_found');
  });

  it('ends readers elsewhere when its lease has ended without it', async () => {
    const path = freshPath();
    const [a, b] = [open(path), open(path)];
    const lease = createSqliteLease({ path });
    closers.push(() => lease.close());
    const claim = { runId: 'run', threadId: 'thread', resumable: true };
    await lease.acquire(claim);
    await a.create('run');
    a.append('run', [entry(1)]);
    const seen: string[] = [];
    const reading = outcomeOf(async () => {
      for await (const each of b.read('run')) seen.push(each.offset);
    });
    await until(() => seen.length === 1);
    await lease.release({ ...claim, epoch: 1 }, 'failed');
    expect(await reading).toBe('log.expired');
  });

  it('may be taken over by its own process, and what is late of the old epoch is dropped', async () => {
    const log = open(freshPath());
    await log.create('run');
    log.append('run', [entry(1), entry(2)]);
    const reading = read(log, 'run');
    await log.append('run', [entry(1, 2)]);
    await log.append('run', [entry(3)]);
    await log.append('run', [end(2, 2)]);
    expect(await reading).toEqual(['1-1', '1-2', '2-1', '2-2']);
    expect(await read(log, 'run', '1-1')).toEqual(['1-2', '2-1', '2-2']);
  });

  it('lets one process write in an epoch', async () => {
    const path = freshPath();
    const [a, b] = [open(path), open(path)];
    await a.create('run');
    await b.create('run');
    a.append('run', [entry(1)]);
    a.append('run', [entry(2), entry(3)]);
    await untilStored(connect(path), 'run', 3);
    expect(await outcomeOf(() => b.append('run', [entry(2)]))).toBe('run.interrupted');
    expect(await outcomeOf(() => b.append('run', [end(9)]))).toBe('run.interrupted');
    await a.append('run', [end(4)]);
    expect(await read(b, 'run')).toEqual(offsets(1, 4));
  });

  it('is not mistaken for another one that was made under its id', async () => {
    const path = freshPath();
    const [a, b] = [open(path), open(path)];
    await a.create('run');
    a.append('run', [entry(1)]);
    await untilStored(connect(path), 'run', 1);
    const reading = b.read('run')[Symbol.asyncIterator]();
    await reading.next();
    await a.delete('run');
    await a.create('run');
    await a.append('run', [entry(1), entry(2), end(3)]);
    await expect(reading.next()).rejects.toMatchObject({ code: 'log.expired' });
    expect(await read(b, 'run')).toEqual(offsets(1, 3));
  });
});

describe('a file that cannot be written', () => {
  it('keeps its readers elsewhere waiting while another process has it, and nobody here', async () => {
    const path = freshPath();
    const [a, b] = [open(path), open(path)];
    await a.create('run');
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    const [here, there] = [read(a, 'run'), read(b, 'run')];
    for (let seq = 1; seq <= 10; seq += 1) a.append('run', [entry(seq)]);
    const ended = a.append('run', [end(11)]);
    expect(await here).toEqual(offsets(1, 11));
    other.exec('COMMIT');
    await ended;
    expect(await there).toEqual(offsets(1, 11));
  });

  it('makes the producer wait when the file falls behind, and no longer', async () => {
    const path = freshPath();
    const log = open(path, { windowBytes: 50_000 });
    await log.create('run');
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    let isRoomy = false;
    let seq = 0;
    const filling = (async () => {
      for (; seq < 2_000; ) await log.append('run', [entry(++seq)]);
      isRoomy = true;
    })();
    const before = await new Promise<number>((done) => setTimeout(() => done(seq), 200));
    expect(before).toBeGreaterThan(200);
    expect(before).toBeLessThan(1_000);
    expect(isRoomy).toBe(false);
    other.exec('COMMIT');
    await filling;
    await log.append('run', [end(seq + 1)]);
    expect(await read(log, 'run')).toEqual(offsets(1, seq + 1));
  });

  it('gives up on one that stays busy, with a retryable error, and takes new runs when it is free', async () => {
    const path = freshPath();
    const options = { busyTimeoutMs: 50, unreachableMs: 200 };
    const log = open(path, options);
    await log.create('run');
    await log.create('other');
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    const reading = outcomeOf(() => read(log, 'run'));
    log.append('run', [entry(1)]);
    const ended = outcomeOf(() => log.append('other', [end(1)]));
    expect(await reading).toBe('internal');
    expect(await ended).toBe('internal');
    expect(await outcomeOf(() => log.append('run', [end(2)]))).toBe('internal');
    expect(await outcomeOf(() => log.create('new'))).toBe('internal');
    other.exec('COMMIT');
    // What comes behind the gap is not written.
    expect(await outcomeOf(() => log.append('run', [end(2)]))).toBe('internal');
    await log.create('new');
    await log.append('new', [end(1)]);
    expect(await read(log, 'new')).toEqual(['1-1']);
  });

  it('does not let a run that does not fit take the others with it', async () => {
    const path = freshPath();
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec');
    const log = open(path, { unreachableMs: 300 });
    const writer = exec.mock.contexts[0] as DatabaseSync;
    exec.mockRestore();
    for (const id of ['small', 'large', 'later']) await log.create(id);
    const pages = Number(writer.prepare('PRAGMA page_count').get()?.['page_count']);
    writer.exec(`PRAGMA max_page_count = ${pages + 3}`);
    const large = outcomeOf(() => log.append('large', [note(1, 'x'.repeat(100_000)), end(2)]));
    const small = outcomeOf(() => log.append('small', [entry(1), end(2)]));
    expect(await small).toBe('done');
    expect(await large).toBe('internal');
    const later = outcomeOf(() => log.append('later', [note(1, 'x'.repeat(100_000)), end(2)]));
    writer.exec('PRAGMA max_page_count = 1000000');
    expect(await later).toBe('done');
    expect(await read(open(path), 'later')).toEqual(offsets(1, 2));
  });

  it('fails a run whose event has no JSON, and no other', async () => {
    const path = freshPath();
    const log = open(path);
    for (const id of ['sound', 'odd']) await log.create(id);
    const odd = { type: 'client_effect' as const, name: 'odd', data: { big: 1n as never } };
    const outcomes = [
      outcomeOf(() => log.append('odd', [{ offset: '1-1', event: odd }, end(2)])),
      outcomeOf(() => log.append('sound', [entry(1), end(2)])),
    ];
    expect(await Promise.all(outcomes)).toEqual([undefined, 'done']);
    await expect((async () => log.append('odd', [end(2)]))()).rejects.toThrow(/BigInt/);
    expect(await read(log, 'sound')).toEqual(offsets(1, 2));
  });

  it.skipIf(process.platform === 'win32')('writes nothing to a file that is gone or was replaced', async () => {
    const path = freshPath();
    const log = open(path);
    const elsewhere = open(path, { unreachableMs: 200 });
    await log.create('run');
    log.append('run', [entry(1)]);
    await untilStored(connect(path), 'run', 1);
    const reading = outcomeOf(() => read(elsewhere, 'run'));
    renameSync(path, `${path}.away`);
    const ended = log.append('run', [end(2)]);
    expect(await outcomeOf(() => log.create('new'))).toBe('internal');
    expect(await reading).toBe('internal');
    copyFileSync(`${path}.away`, path);
    expect(await outcomeOf(() => log.create('new'))).toBe('internal');
    renameSync(`${path}.away`, path);
    await ended;
    expect(await read(open(path), 'run')).toEqual(offsets(1, 2));
  });

  it('notices that the file is an older copy of itself', async () => {
    const path = freshPath();
    const log = open(path);
    await log.create('run');
    log.append('run', [entry(1)]);
    const database = connect(path);
    await untilStored(database, 'run', 1);
    log.append('run', [entry(2)]);
    await untilStored(database, 'run', 2);
    // As a file that was put back from a copy has it.
    database.exec("UPDATE chatkit_log_run SET seq = 1 WHERE id = 'run'; DELETE FROM chatkit_log_batch WHERE seq = 2");
    const reading = outcomeOf(() => read(log, 'run'));
    log.append('run', [entry(3)]);
    expect(await reading).toBe('log.expired');
    expect(await outcomeOf(() => log.append('run', [end(4)]))).toBe('log.expired');
  });
});

describe('what is kept', () => {
  it('goes when its time has come, a few at a time', async () => {
    const path = freshPath();
    const log = open(path, { endedTtlMs: 0, openTtlMs: 0 });
    for (let run = 0; run < 6; run += 1) {
      await log.create(`ended ${run}`);
      await log.append(`ended ${run}`, [entry(1), end(2)]);
      await log.create(`open ${run}`);
    }
    const keeper = open(path);
    await keeper.create('kept');
    const database = connect(path);
    const count = (table: string) => Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.['n']);
    let seq = 0;
    await until(() => {
      keeper.append('kept', [entry(++seq)]);
      return count('chatkit_log_run') === 1;
    });
    await keeper.append('kept', [end(seq + 1)]);
    const other = open(path);
    expect(await outcomeOf(() => read(other, 'ended 0'))).toBe('run.not_found');
    expect(await read(other, 'kept')).toEqual(offsets(1, seq + 1));
  });

  it('is what memory has, once close() has resolved, and readers are told', async () => {
    const path = freshPath();
    const [log, other] = [open(path), open(path)];
    await log.create('run');
    log.append('run', [entry(1), entry(2)]);
    const readers = [log.read('run', { after: '1-2' }), other.read('run', { after: '1-2' })];
    const outcomes = readers.map((reader) => outcomeOf(() => collect(reader)));
    await log.close();
    await log.close();
    expect(await outcomes[0]).toBe('server.closing');
    expect(await outcomeOf(() => log.append('run', [entry(3)]))).toBe('server.closing');
    expect(await outcomeOf(() => log.create('new'))).toBe('server.closing');
    await other.append('run', [end(1, 2)]);
    await other.close();
    expect(await read(open(path), 'run')).toEqual(['1-1', '1-2', '2-1']);
  });

  it('is told what close() could not write', async () => {
    const path = freshPath();
    const log = open(path, { busyTimeoutMs: 30 });
    for (const id of ['made', 'taken']) await log.create(id);
    const other = connect(path);
    other.exec('BEGIN IMMEDIATE');
    const outcomes = [
      outcomeOf(() => log.append('made', [end(1)])),
      outcomeOf(() => log.append('taken', [end(1, 2)])),
      outcomeOf(() => log.append('unknown', [end(1)])),
    ];
    await log.close();
    expect(await Promise.all(outcomes)).toEqual(['server.closing', 'server.closing', 'server.closing']);
    other.exec('COMMIT');
  });

  it('is found by its key, not by a scan', () => {
    const path = freshPath();
    open(path);
    const plan = connect(path)
      .prepare(
        `EXPLAIN QUERY PLAN SELECT run.number, run.outcome, lease.outcome, batch.body FROM chatkit_log_run AS run
         LEFT JOIN chatkit_lease_run AS lease ON lease.run_id = run.id
         LEFT JOIN chatkit_log_batch AS batch ON batch.run = run.number AND (batch.epoch, batch.seq) > ($2, $3)
         WHERE run.id = $1 ORDER BY batch.epoch, batch.seq LIMIT 100`,
      )
      .all()
      .map((row) => String(row['detail']));
    expect(plan).toEqual([
      'SEARCH run USING INDEX sqlite_autoindex_chatkit_log_run_1 (id=?)',
      'SEARCH lease USING PRIMARY KEY (run_id=?) LEFT-JOIN',
      'SEARCH batch USING PRIMARY KEY (run=? AND (epoch,seq)>(?,?)) LEFT-JOIN',
    ]);
  });
});
