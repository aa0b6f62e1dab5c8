// A database that goes away and comes back, as a port whose answers the test gives.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isAway, patientPort } from '../src/postgres/patient-port.ts';
import type { SqlPort } from '../src/shared/sql-port.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
/** Answers with these, in turn; the last one for good. */
const portOf = (...answers: (Error | 'ok')[]) => {
  const asked: string[] = [];
  const answer = async (what: string) => {
    asked.push(what);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (next instanceof Error) throw next;
    return [];
  };
  const port: SqlPort = {
    read: () => answer('read'),
    write: () => answer('write'),
    async transaction(work) {
      await answer('begin');
      return work(port);
    },
  };
  return { port: patientPort(port, 10_000), asked };
};
const settled = (work: Promise<unknown>) => {
  const outcome: { value?: unknown } = {};
  work.then(
    () => Object.assign(outcome, { value: 'done' }),
    (error) => Object.assign(outcome, { value: error }),
  );
  return outcome;
};

describe('a database that is away for a moment', () => {
  it.each(['read', 'write', 'transaction'] as const)('fails no %s', async (call) => {
    const { port, asked } = portOf('ok', refused, refused, 'ok');
    await port.read('', []);
    const outcome = settled(call === 'transaction' ? port.transaction(async () => 'done') : port[call]('', []));
    await vi.advanceTimersByTimeAsync(200);
    expect(outcome).toEqual({ value: 'done' });
    expect(asked).toHaveLength(4);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('fails a transaction that has begun, whose work may have done more than write', async () => {
    const { port, asked } = portOf('ok', 'ok', refused, 'ok');
    await port.read('', []);
    await expect(port.transaction((inner) => inner.write('', []))).rejects.toBe(refused);
    expect(asked).toEqual(['read', 'begin', 'write']);
  });

  it('fails a call if it stays away, with what it said', async () => {
    // The pauses are random; these are long ones.
    vi.spyOn(Math, 'random').mockReturnValue(0.9);
    const { port, asked } = portOf('ok', refused);
    await port.read('', []);
    const outcome = settled(port.write('', []));
    await vi.advanceTimersByTimeAsync(8_000);
    expect(outcome).toEqual({});
    await vi.advanceTimersByTimeAsync(2_000);
    expect(outcome).toEqual({ value: refused });
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.length).toBeLessThan(20);
  });

  it('is not waited for if it has never answered: the address may be wrong', async () => {
    const { port, asked } = portOf(refused);
    await expect(port.read('', [])).rejects.toBe(refused);
    expect(asked).toEqual(['read']);
  });

  it('is told from one that refuses', async () => {
    const { port, asked } = portOf('ok', Object.assign(new Error('permission denied'), { code: '42501' }));
    await port.read('', []);
    await expect(port.write('', [])).rejects.toThrow('permission denied');
    expect(asked).toHaveLength(2);
  });
});

it.each([
  [{ code: '57P01' }, true],
  [{ code: '57P03' }, true],
  [{ code: '25006' }, true],
  [{ code: '08006' }, true],
  [{ code: 'ECONNRESET' }, true],
  [{ code: 'EHOSTUNREACH' }, true],
  [{ code: 'EAI_AGAIN' }, true],
  [{ message: 'Connection terminated unexpectedly' }, true],
  [{ message: 'Client has encountered a connection error and is not queryable' }, true],
  [{ code: '57014', message: 'canceling statement due to user request' }, false],
  [{ code: '23505' }, false],
  [{ code: '53100' }, false],
  [undefined, false],
])('%o says that it is away: %s', (error, is) => {
  expect(isAway(error)).toBe(is);
});
