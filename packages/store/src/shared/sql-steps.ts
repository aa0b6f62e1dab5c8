/**
 * A sequence of SQL statements in which each may depend on the rows of earlier ones. It is a generator, so that the
 * same code runs synchronously on a database in this process, in half the time that promises take, and asynchronously
 * on one that has to be waited for.
 */
import type { SqlQuery, SqlRow } from './sql-port.ts';

export interface SqlStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

export type SqlSteps<T> = Generator<SqlStatement, T, readonly SqlRow[]>;

/** One step: `const rows = yield* sql('SELECT …', [1])`. */
export function* sql(text: string, values: readonly unknown[]): SqlSteps<readonly SqlRow[]> {
  return yield { text, values };
}

/** Runs steps asynchronously. Rejects with what a statement or the steps throw. */
export const runSteps = async <T>(steps: SqlSteps<T>, query: SqlQuery): Promise<T> => {
  let step = steps.next();
  while (!step.done) step = steps.next(await query(step.value.text, step.value.values));
  return step.value;
};

/** Runs steps synchronously. */
export const runStepsAtOnce = <T>(
  steps: SqlSteps<T>,
  run: (text: string, values: readonly unknown[]) => readonly SqlRow[],
): T => {
  let step = steps.next();
  while (!step.done) step = steps.next(run(step.value.text, step.value.values));
  return step.value;
};
