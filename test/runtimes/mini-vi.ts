/** As much of vitest's `vi` as the tests of pages use: waiting for what will hold, functions that remember their calls, and stand-ins. */

// biome-ignore lint/suspicious/noExplicitAny: a stand-in takes the place of any function.
type AnyFunction = (...args: any[]) => any;

export interface Mock extends AnyFunction {
  readonly mock: { readonly calls: unknown[][] };
  mockReturnValue(value: unknown): Mock;
  mockRestore(): void;
}

const fn = (restore: () => void = () => {}): Mock => {
  let value: unknown;
  const calls: unknown[][] = [];
  const mock: Mock = Object.assign(
    (...args: unknown[]) => {
      calls.push(args);
      return value;
    },
    {
      mock: { calls },
      mockReturnValue(given: unknown) {
        value = given;
        return mock;
      },
      mockRestore: restore,
    },
  );
  return mock;
};

/** Puts a stand-in before a property of an object, which may have it from its class. */
const spyOn = (object: object, name: string, access?: 'get'): Mock => {
  const own = Object.getOwnPropertyDescriptor(object, name);
  const mock = fn(() => {
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  });
  Object.defineProperty(object, name, {
    configurable: true,
    ...(access === 'get' ? { get: mock } : { value: mock, writable: true }),
  });
  return mock;
};

const stubbed = new Map<string, PropertyDescriptor | undefined>();

export const vi = {
  fn: () => fn(),
  spyOn,
  /** Resolves with what `check` returns as soon as it does not throw; rejects with what it threw last after 10 s. */
  async waitFor<T>(check: () => T | Promise<T>): Promise<T> {
    const until = performance.now() + 10_000;
    for (;;) {
      try {
        return await check();
      } catch (error) {
        if (performance.now() > until) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  stubGlobal(name: string, value: unknown): void {
    if (!stubbed.has(name)) stubbed.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  },
  unstubAllGlobals(): void {
    for (const [name, own] of stubbed) {
      if (own === undefined) Reflect.deleteProperty(globalThis, name);
      else Object.defineProperty(globalThis, name, own);
    }
    stubbed.clear();
  },
};
