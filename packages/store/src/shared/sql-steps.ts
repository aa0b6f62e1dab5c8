/**
 * Statements one after another, each of which may depend on the rows of those before. As a generator, so that who has
 * its database in the process runs them in one piece, which takes half of the time that promises do, and who has to
 * wait for it runs the same ones.
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

/** Runs steps one after another. Rejects with what a statement or the steps throw. */
export const runSteps = async <T>(steps: SqlSteps<T>, query: SqlQuery): Promise<T> => {
  let step = steps.next();
  while (!step.done) step = steps.next(await query(step.value.text, step.value.values));
  return step.value;
};

/** Runs steps in this very turn. */
export const runStepsAtOnce = <T>(
  steps: SqlSteps<T>,
  run: (text: string, values: readonly unknown[]) => readonly SqlRow[],
): T => {
  let step = steps.next();
  while (!step.done) step = steps.next(run(step.value.text, step.value.values));
  return step.value;
};
