/** The conformance kit of `StreamLog`: every MUST of the contract as a test, for any implementation. */
import { rowLaneOf, type StreamLog } from '@chatkit/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeEntries } from './log/entries.ts';
import { describeInterleavings } from './log/interleavings.ts';
import type { LogKit } from './log/kit.ts';
import { describeReaders } from './log/readers.ts';
import { describeRows } from './log/rows.ts';

export interface DescribeStreamLogOptions<L extends StreamLog> {
  /**
   * Makes a log that keeps between 4 and 100 kB of a run, for the tests of that bound. If absent, those tests are
   * reported as skipped.
   */
  createSmallLog?: (() => StreamLog | Promise<StreamLog>) | undefined;
  /**
   * Whether the log has a lane for rows of text (`textRows`), which is then tested as well. A lane that is not declared
   * here fails the suite. Default `false`.
   */
  hasRows?: boolean | undefined;
  /** Called with the log after the last test. */
  close?: ((log: L) => void | Promise<void>) | undefined;
  /** How many random interleavings are tried. Default 100. */
  runs?: number | undefined;
  /** Vitest's timeout for each test, in milliseconds. Default 30,000. */
  timeoutMs?: number | undefined;
}

/**
 * Declares a vitest suite that checks a log. `createLog` is called once; every test uses runs of its own.
 *
 * @example
 * describeStreamLog('my log', () => createMyLog({ url: process.env.REDIS_URL }));
 */
export const describeStreamLog = <L extends StreamLog>(
  name: string,
  createLog: () => L | Promise<L>,
  options: DescribeStreamLogOptions<L> = {},
): void => {
  const { hasRows = false } = options;
  describe(name, { timeout: options.timeoutMs ?? 30_000 }, () => {
    let log: L;
    beforeAll(async () => {
      log = await createLog();
    });
    afterAll(() => options.close?.(log));

    const kit: LogKit = { log: () => log, smallLog: options.createSmallLog, runs: options.runs ?? 100 };
    describeEntries(kit);
    describeReaders(kit);
    it(`has ${hasRows ? 'a' : 'no'} lane for rows`, () => expect(rowLaneOf(log) !== undefined).toBe(hasRows));
    if (hasRows) describeRows(kit);
    describeInterleavings(kit);
  });
};
