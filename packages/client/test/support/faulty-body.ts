import type { Clock } from '../../src/index.ts';

/** How a body comes over a bad line. */
export interface BodyFault {
  /** Stop after this many bytes. */
  cutAt?: number;
  /** How it stops: with an error, as if it were whole, or without a word. */
  cutBy?: 'error' | 'end' | 'silence';
  chunkBytes?: number;
  /** Say nothing for this long before the byte `at`. */
  pauses?: readonly { readonly at: number; readonly ms: number }[];
  /** Take no notice of being let go of, and go on sending. */
  isDeaf?: boolean;
}

/** Something that never comes. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {});

/** Time on the network: what is still on its way is counted, because it is not the client's to clean up. */
export interface NetworkTime {
  /** Waits; `false` as soon as the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<boolean>;
  readonly pending: number;
}

export const createNetworkTime = (clock: Clock): NetworkTime => {
  let pending = 0;
  return {
    get pending() {
      return pending;
    },
    wait: (ms, signal) =>
      new Promise((resolve) => {
        if (signal?.aborted) return resolve(false);
        const settle = (isOver: boolean) => {
          pending -= 1;
          clock.clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          resolve(isOver);
        };
        const onAbort = () => settle(false);
        const timer = clock.setTimeout(() => settle(true), ms);
        pending += 1;
        signal?.addEventListener('abort', onAbort);
      }),
  };
};

/** `bytes` over such a line. `isWhole`: nothing is missing at their end. */
export const createFaultyBody = (
  bytes: Uint8Array,
  isWhole: boolean,
  fault: BodyFault,
  time: NetworkTime,
): ReadableStream<Uint8Array> => {
  const { cutAt = bytes.length, cutBy = 'error', chunkBytes = bytes.length, isDeaf = false } = fault;
  const pauses = [...(fault.pauses ?? [])].sort((a, b) => a.at - b.at);
  const limit = Math.min(cutAt, bytes.length);
  const end = isWhole && limit === bytes.length ? 'end' : cutBy;
  const letGo = new AbortController();
  let at = 0;

  const read = async (): Promise<ReadableStreamReadResult<Uint8Array>> => {
    for (let pause = pauses[0]; pause !== undefined && pause.at <= at; pause = pauses[0]) {
      pauses.shift();
      if (!(await time.wait(pause.ms, letGo.signal))) return never();
    }
    if (at < limit) {
      const from = at;
      at = Math.min(limit, at + chunkBytes, pauses[0]?.at ?? limit);
      return { done: false, value: bytes.slice(from, at) };
    }
    if (end === 'silence') return never();
    if (end === 'error') throw new TypeError('terminated');
    return { done: true, value: undefined };
  };

  // No engine makes such a stream, but a `fetch` of the application's own may.
  if (isDeaf)
    return { getReader: () => ({ read, cancel: never }), cancel: never } as unknown as ReadableStream<Uint8Array>;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await read();
        if (letGo.signal.aborted) return;
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => letGo.abort(),
    },
    { highWaterMark: 0 },
  );
};
