/**
 * As much of vitest as the tests that run everywhere use, in plain JavaScript for any runtime, so that the very same test
 * files run where vitest does not.
 */

import { Containing, equals, matches } from './equals.ts';

import { type Mock, vi } from './mini-vi.ts';

export { vi };

interface Case {
  name: string;
  run: () => unknown;
  /** The suites that it is in, the outermost first. */
  suites: readonly Suite[];
}

/** What runs around each test of a suite. */
interface Suite {
  readonly name: string;
  readonly before: Hook[];
  readonly after: Hook[];
}

type Body = (...args: never[]) => unknown;
type Hook = () => unknown;

const cases: Case[] = [];
/** The suites that are being told, after the one of the file, which are all one. */
const path: Suite[] = [{ name: '', before: [], after: [] }];
/** Of all suites, since no suite here does harm to another's: before the first test, and after the last. */
const hooks: { before: Hook[]; after: Hook[] } = { before: [], after: [] };

export const beforeAll = (hook: Hook): void => void hooks.before.push(hook);
export const afterAll = (hook: Hook): void => void hooks.after.push(hook);
export const beforeEach = (hook: Hook): void => void path.at(-1)?.before.push(hook);
export const afterEach = (hook: Hook): void => void path.at(-1)?.after.push(hook);

const label = (name: string, args: readonly unknown[]) => {
  let at = 0;
  return name.replace(/%[soi]/g, () => String(args[at++]));
};

const rowOf = (row: unknown): unknown[] => (Array.isArray(row) ? row : [row]);

export function describe(name: string, ...rest: [() => void] | [options: object, () => void]): void {
  path.push({ name, before: [], after: [] });
  (rest.at(-1) as () => void)();
  path.pop();
}
describe.each = (rows: readonly unknown[]) => (name: string, body: Body) => {
  for (const row of rows) describe(label(name, rowOf(row)), () => body(...(rowOf(row) as never[])));
};

export function it(name: string, body: () => unknown): void {
  const suites = [...path];
  cases.push({ name: [...suites.slice(1).map((suite) => suite.name), name].join(' > '), run: body, suites });
}
it.each = (rows: readonly unknown[]) => (name: string, body: Body) => {
  for (const row of rows) it(label(name, rowOf(row)), () => body(...(rowOf(row) as never[])));
};
it.skipIf = (isSkipped: boolean) => (isSkipped ? () => {} : it);

let finished: (() => unknown)[] = [];

/** Runs when the test is over, the last one first. */
export function onTestFinished(clean: () => unknown): void {
  finished.push(clean);
}

class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

const show = (value: unknown): string => {
  try {
    return typeof value === 'function' ? value.name : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
};

function check(isTrue: boolean, actual: unknown, what: string, expected: unknown): void {
  if (!isTrue) throw new AssertionError(`${show(actual)} ${what} ${show(expected)}`);
}

const thrownBy = (body: () => unknown): unknown => {
  try {
    body();
  } catch (error) {
    return error;
  }
  throw new AssertionError('nothing was thrown');
};

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** What is thrown: any error, one whose message has this text or fits this pattern. */
const checkMessage = (thrown: unknown, expected: string | RegExp = ''): void => {
  const message = messageOf(thrown);
  const fits = typeof expected === 'string' ? message.includes(expected) : expected.test(message);
  check(fits, message, 'does not contain', String(expected));
};

export function expect(actual: unknown) {
  const number = actual as number;
  return {
    toBe: (expected: unknown) => check(Object.is(actual, expected), actual, 'is not', expected),
    toBeUndefined: () => check(actual === undefined, actual, 'is not', undefined),
    toEqual: (expected: unknown) => check(equals(actual, expected), actual, 'does not equal', expected),
    toMatchObject: (expected: unknown) => check(matches(actual, expected), actual, 'does not match', expected),
    toBeLessThan: (expected: number) => check(number < expected, actual, 'is not less than', expected),
    toBeLessThanOrEqual: (expected: number) => check(number <= expected, actual, 'is more than', expected),
    toBeGreaterThan: (expected: number) => check(number > expected, actual, 'is not more than', expected),
    toBeGreaterThanOrEqual: (expected: number) => check(number >= expected, actual, 'is less than', expected),
    toBeInstanceOf: (expected: new (...args: never[]) => unknown) =>
      check(actual instanceof expected, actual, 'is not an instance of', expected),
    toHaveLength: (expected: number) =>
      check((actual as unknown[]).length === expected, actual, 'does not have the length', expected),
    toContainEqual: (expected: unknown) =>
      check(
        (actual as unknown[]).some((each) => equals(each, expected)),
        actual,
        'contains nothing that equals',
        expected,
      ),
    toThrow: (expected?: string | RegExp) => checkMessage(thrownBy(actual as () => unknown), expected),
    toBeNull: () => check(actual === null, actual, 'is not', null),
    toBeDefined: () => check(actual !== undefined, actual, 'is', undefined),
    toContain: (expected: string) => check((actual as string).includes(expected), actual, 'does not contain', expected),
    toMatch: (expected: RegExp) => check(expected.test(actual as string), actual, 'does not match', String(expected)),
    toHaveBeenCalled: () => check((actual as Mock).mock.calls.length > 0, 'it', 'was not', 'called'),
    not: {
      toBeNull: () => check(actual !== null, actual, 'is', null),
      toContain: (expected: string) => check(!(actual as string).includes(expected), actual, 'contains', expected),
    },
    get rejects() {
      const rejection = (actual as Promise<unknown>).then(
        () => {
          throw new AssertionError('the promise did not reject');
        },
        (error: unknown) => error,
      );
      return {
        toBe: async (expected: unknown) =>
          check(Object.is(await rejection, expected), await rejection, 'is not', expected),
        toThrow: async (expected?: string | RegExp) => checkMessage(await rejection, expected),
        toMatchObject: async (expected: unknown) =>
          check(matches(await rejection, expected), await rejection, 'does not match', expected),
        toSatisfy: async (holds: (error: unknown) => boolean) =>
          check(holds(await rejection), await rejection, 'does not satisfy', holds),
        toBeInstanceOf: async (expected: new (...args: never[]) => unknown) =>
          check((await rejection) instanceof expected, await rejection, 'is not an instance of', expected),
      };
    },
  };
}
/** Asks until the answer is as wanted. */
expect.poll = (ask: () => unknown) => ({
  ...polled(async () => expect(await ask())),
  not: polled(async () => expect(await ask()).not),
});
expect.arrayContaining = (expected: readonly unknown[]) => new Containing(expected);

/** Its assertions, each made until it holds, or fails once more after 10 s. */
const polled = (asserted: () => Promise<object>): Record<string, (...expected: unknown[]) => Promise<void>> => {
  const until = async (name: string, expected: unknown[]): Promise<void> => {
    for (const deadline = performance.now() + 10_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
      try {
        return ((await asserted()) as Record<string, (...expected: unknown[]) => void>)[name]?.(...expected);
      } catch (error) {
        if (performance.now() >= deadline) throw error;
      }
    }
  };
  const names = ['toBe', 'toBeDefined', 'toBeNull', 'toContain', 'toEqual', 'toHaveLength', 'toMatch'];
  return Object.fromEntries(names.map((name) => [name, (...expected: unknown[]) => until(name, expected)]));
};

/** Runs a test, what is around it and what it leaves to be cleaned up; one that hangs fails. */
async function within({ run, name, suites }: Case): Promise<void> {
  finished = [];
  for (const { before } of suites) for (const hook of before) await hook();
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    await Promise.race([
      run(),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new AssertionError(`${name}: no end after 20 s`)), 20_000);
      }),
    ]);
  } finally {
    clearTimeout(timer);
    for (const clean of finished.reverse()) await clean();
    for (const { after } of [...suites].reverse()) for (const hook of [...after].reverse()) await hook();
  }
}

/** Runs every test; the report's first line is a summary, the others are failures. */
export async function runAll(
  isSkipped: (name: string) => boolean = () => false,
): Promise<{ failed: number; report: string }> {
  const failures: string[] = [];
  let skipped = 0;
  for (const hook of hooks.before) await hook();
  for (const each of cases) {
    const { name } = each;
    if (isSkipped(name)) {
      skipped++;
      continue;
    }
    try {
      await within(each);
    } catch (error) {
      failures.push(`${name}\n    ${messageOf(error).split('\n').slice(0, 12).join('\n    ')}`);
    }
  }
  for (const hook of hooks.after) await hook();
  const passed = cases.length - failures.length - skipped;
  return {
    failed: failures.length,
    report: [`${passed} passed, ${failures.length} failed, ${skipped} skipped`, ...failures].join('\n'),
  };
}
