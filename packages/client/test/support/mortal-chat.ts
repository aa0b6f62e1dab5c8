import type { Store } from '@chatkit/core';
import { type ChatKitServer, type CreateChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';

type User = { userId: string };

const ada: User = { userId: 'ada' };

interface Life {
  readonly server: ChatKitServer<User>;
  /** Breaks off what it is answering. */
  readonly end: AbortController;
  isDead: boolean;
}

/** A server whose process may end at any moment, over a store that outlives it. */
export const mortalChat = (options: Partial<CreateChatKitServerOptions<User>> = {}) => {
  const store = createMemoryStore<User>();
  const errors: unknown[] = [];
  const begin = (): Life => {
    const life: { isDead: boolean } = { isDead: false };
    const server = createChatKitServer<User>({
      async *respond() {},
      onError: (error) => errors.push(error),
      ...options,
      store: whileAlive(store, () => !life.isDead),
    });
    return Object.assign(life, { server, end: new AbortController() });
  };
  let life: Life | undefined = begin();

  const handler = async (request: Request): Promise<Response> => {
    const { server, end } = life ?? {};
    if (server === undefined || end === undefined) throw new TypeError('fetch failed');
    const response = await untilAborted(server.handle(request, ada), end.signal);
    return response.body === null ? response : new Response(endingWith(response.body, end.signal), response);
  };

  return {
    store,
    errors,
    handler,
    direct: ((input, init) => handler(new Request(input, init))) as typeof globalThis.fetch,
    /** The process is gone, with what it was about to do. */
    kill() {
      if (life === undefined) return;
      life.isDead = true;
      life.end.abort(new TypeError('terminated'));
      life = undefined;
    },
    start() {
      life ??= begin();
    },
    /** A new process takes over from one that ends in good order. */
    deploy() {
      const old = life;
      life = begin();
      void old?.server.close({ graceMs: 30 });
    },
  };
};

/** A store of which nobody hears any more once its process is dead. */
const whileAlive = <T extends Store<User>>(store: T, isAlive: () => boolean): T =>
  new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => (isAlive() ? Reflect.apply(value, target, args) : new Promise(() => {}));
    },
  });

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
