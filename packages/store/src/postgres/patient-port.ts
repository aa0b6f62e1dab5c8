/**
 * A database that is away for a moment (a restart, a failover to a replica) fails no call of a store: reads, single
 * writes and transactions that have not begun are sent again. Such a write may have been carried out before its
 * connection was lost. Each sets a row by its id, so a second one changes nothing; only the save of a thread at a known
 * version may then be told of a conflict, as if somebody else had written.
 */
import { collect, retry } from '@chatkit/stream';
import type { SqlPort, SqlQuery } from '../shared/sql-port.ts';

/** The bounds of the pauses between attempts double, from the first to the slowest. */
const firstPauseMs = 50;
const slowestPauseMs = 1_000;

/**
 * The port, with attempts for `patienceMs` after a call began. A database that has never answered is not waited for: it
 * may be a wrong address.
 */
export const patientPort = (port: SqlPort, patienceMs: number): SqlPort => {
  const maxMs = Math.min(slowestPauseMs, patienceMs / 4);
  let hasAnswered = false;
  /** `mayRepeat`: asked after each failure. */
  const patiently = async <T>(work: () => Promise<T>, mayRepeat: () => boolean = () => true): Promise<T> => {
    // The last attempt begins within the time, also after the longest pause.
    const until = performance.now() + patienceMs - maxMs;
    const when = (error: unknown) => hasAnswered && performance.now() <= until && isAway(error) && mayRepeat();
    const attempt = async (): Promise<T> => {
      const result = await work();
      hasAnswered = true;
      return result;
    };
    try {
      return await attempt();
    } catch (error) {
      if (!when(error)) throw error;
    }
    // Only now, because a call that succeeds needs no stream.
    const again = async function* () {
      yield await attempt();
    };
    const [result] = await collect(
      retry(again, { retries: Number.POSITIVE_INFINITY, baseMs: firstPauseMs, maxMs, when }),
    );
    return result as T;
  };
  const patient =
    (query: SqlQuery): SqlQuery =>
    (text, values) =>
      patiently(() => query(text, values));
  return {
    read: patient(port.read),
    write: patient(port.write),
    transaction(work) {
      let hasBegun = false;
      return patiently(
        () =>
          port.transaction((inner) => {
            hasBegun = true;
            return work(inner);
          }),
        () => !hasBegun,
      );
    },
  };
};

/**
 * `admin_shutdown`, `crash_shutdown`, `cannot_connect_now`, `too_many_connections` (in a deploy the old processes still
 * have theirs), `read_only_sql_transaction` (a primary that has become a replica), connection exceptions, and what Node
 * says of an address where nobody listens just now.
 */
const awayCode =
  /^(57P0[123]|53300|25006|08\w{3}|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|E(HOST|NET)UNREACH|ENOTFOUND|EAI_AGAIN)$/;
/** `pg` has no code for a connection that was lost. */
const awayText = /^(Connection terminated|Client has encountered a connection error)/;

/** Whether an error says that the database, or the connection to it, is gone. */
export const isAway = (error: unknown): boolean => {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return awayCode.test(String(code)) || awayText.test(String(message));
};
