import type { RunLease, Store, StreamLog } from '@chatkit/core';
import { type ChatKitServer, type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';
import type { Clock } from '../../src/index.ts';
import { pageClock } from '../../src/ports.ts';

type User = { userId: string };
type Options = Partial<CreateChatKitServerOptions<User>>;

export const ada: User = { userId: 'ada' };

/** Those of one process. */
export type LifeOptions = (clock: LifeClock, store: Store<User>) => Options;

/** One process. */
export interface Life {
  readonly server: ChatKitServer<User>;
  readonly clock: LifeClock;
  /** Breaks off what it is answering. */
  readonly end: AbortController;
  /** What is to be closed when it ends in good order. */
  readonly closers: Set<() => void>;
}

/** What an application of a process that may die goes by: none of its timers fires after that. */
export interface LifeClock extends Clock {
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * A server whose process may end at any moment, over a store that outlives it. A function as options is asked for those of each
 * process, and told its clock; a log and a lease among them outlive it, too.
 */
export const mortalChat = (options: Options | LifeOptions = {}, time: Clock = pageClock) => {
  const store = createMemoryStore<User>();
  const errors: unknown[] = [];
  const begin = (): Life => {
    const end = new AbortController();
    const isAlive = () => !end.signal.aborted;
    const clock = lifeClock(time, end.signal);
    const { log, lease, ...own } = typeof options === 'function' ? options(clock, store) : options;
    const server = createChatKitServer<User>({
      async *respond() {},
      onError: (error) => errors.push(error),
      ...own,
      ...(log && { log: whileAlive<StreamLog>(log, isAlive) }),
      ...(lease && { lease: whileAlive<RunLease>(lease, isAlive) }),
      store: whileAlive<Store<User>>(store, isAlive),
    });
    return { server, clock, end, closers: new Set() };
  };
  let life: Life | undefined = begin();

  const handler = async (request: Request): Promise<Response> => {
    if (life === undefined) throw new TypeError('fetch failed');
    const { server, end } = life;
    const response = await untilAborted(server.handle(request, ada), end.signal);
    return response.body === null ? response : new Response(endingWith(response.body, end.signal), response);
  };

  return {
    store,
    errors,
    handler,
    direct: ((input, init) => handler(new Request(input, init))) as typeof globalThis.fetch,
    /** The process that is there. */
    life: () => life,
    /** The process is gone, with what it was about to do. */
    kill(reason: unknown = new TypeError('terminated')) {
      life?.end.abort(reason);
      life = undefined;
    },
    start() {
      life ??= begin();
    },
    /** A new process takes over from one that ends in good order. */
    async deploy() {
      const old = life;
      life = begin();
      for (const close of old?.closers ?? []) close();
      await old?.server.close({ graceMs: 30 });
    },
  };
};

/** What outlives a process, as that process has it: once it is dead, it hears nothing of it any more. */
const whileAlive = <T extends object>(kept: T, isAlive: () => boolean): T =>
  new Proxy(kept, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => (isAlive() ? Reflect.apply(value, target, args) : new Promise(() => {}));
    },
  });

const lifeClock = (clock: Clock, over: AbortSignal): LifeClock => {
  const timers = new Set<unknown>();
  over.addEventListener('abort', () => {
    for (const timer of timers) clock.clearTimeout(timer);
  });
  const life: LifeClock = {
    now: () => clock.now(),
    setTimeout(callback, ms) {
      if (over.aborted) return undefined;
      const timer = clock.setTimeout(() => {
        timers.delete(timer);
        callback();
      }, ms);
      timers.add(timer);
      return timer;
    },
    clearTimeout(timer) {
      timers.delete(timer);
      clock.clearTimeout(timer);
    },
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const onAbort = () => {
          life.clearTimeout(timer);
          if (!over.aborted) reject(signal?.reason);
        };
        const timer = life.setTimeout(() => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        }, ms);
        if (signal?.aborted) onAbort();
        else signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
  return life;
};
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal): Promise<T> =>
  new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    work.then(resolve, reject);
  });

const endingWith = (body: ReadableStream<Uint8Array>, signal: AbortSignal): ReadableStream<Uint8Array> => {
  const reader = body.getReader();
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await untilAborted(reader.read(), signal);
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
};
