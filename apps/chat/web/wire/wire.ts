/**
 * The page's connection, to be looked at and to be broken: a `fetch` around another one. It reads along, and what it
 * drops fails as it does when a network breaks, so the client has to get over it in earnest.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import { createSseDecoder, type SseFrame } from '@chatkit/transport';
import { createTally, type WireTally } from './tally.ts';

export interface WireEntry {
  /** Rises by one with each entry. */
  readonly key: number;
  readonly kind: 'request' | 'frame' | 'heartbeat' | 'broken' | 'refused' | 'end';
  /** The offset of a frame; of a request the one that it goes on from. */
  readonly offset?: string | undefined;
  /** Of a frame its name and what it holds; of a request its method and type. */
  readonly text: string;
  /** What a frame holds, if it is an event of the thread. */
  readonly event?: ThreadStreamEvent | undefined;
}

export interface WireSnapshot {
  /** The newest first, and not more than `KEPT`. */
  readonly entries: readonly WireEntry[];
  readonly tally: WireTally;
  /** Whether there is a stream that can be dropped. */
  readonly isStreaming: boolean;
  /** `false`: no request gets out. */
  readonly isPlugged: boolean;
}

export interface Wire {
  readonly fetch: typeof globalThis.fetch;
  /** Breaks every stream that is open. What comes next gets through. */
  drop(): void;
  /** `false` breaks everything that is open, and refuses what comes next. */
  plug(isPlugged: boolean): void;
  subscribe(listener: () => void): () => void;
  getSnapshot(): WireSnapshot;
}

/** Entries that are kept. */
const KEPT = 200;
/** What browsers throw when there is no network. */
const broken = () => new TypeError('network error');

/**
 * Makes one.
 *
 * @param inner What reaches the server.
 * @param atFrame Calls back before the next picture: many frames are told of at once.
 */
export const createWire = (
  inner: typeof globalThis.fetch,
  atFrame: (callback: () => void) => unknown = (callback) => requestAnimationFrame(callback),
): Wire => {
  const listeners = new Set<() => void>();
  const open = new Set<AbortController>();
  const streams = new Set<AbortController>();
  const tally = createTally();
  let snapshot: WireSnapshot = { entries: [], tally: tally.value, isStreaming: false, isPlugged: true };
  let waiting: WireEntry[] = [];
  let isPlugged = true;
  let keys = 0;
  let isDue = false;

  const tell = () => {
    isDue = false;
    const entries = [...waiting.toReversed(), ...snapshot.entries].slice(0, KEPT);
    waiting = [];
    snapshot = { entries, tally: tally.value, isPlugged, isStreaming: streams.size > 0 };
    for (const listener of listeners) listener();
  };
  const note = (entry?: Omit<WireEntry, 'key'>) => {
    if (entry !== undefined) waiting.push({ ...entry, key: keys++ });
    // Where no picture is drawn, as in a hidden tab, nothing piles up.
    if (waiting.length > KEPT) waiting.shift();
    if (isDue) return;
    isDue = true;
    atFrame(tell);
  };
  const onFrame = ({ id, event: name, data, comment }: SseFrame) => {
    if (data === undefined) return comment === undefined ? undefined : note({ kind: 'heartbeat', text: '' });
    const event = name === undefined ? parse(data) : undefined;
    tally.count(id, event);
    note({ kind: 'frame', offset: id, text: event === undefined ? `${name ?? ''} ${data}` : event.type, event });
  };

  const fetch: typeof globalThis.fetch = async (input, init = {}) => {
    const request = describe(input, init);
    if (!isPlugged) {
      note({ kind: 'refused', text: request.text });
      throw broken();
    }
    const line = new AbortController();
    open.add(line);
    note({ kind: 'request', offset: request.after, text: request.text });
    try {
      const signals = init.signal ? [init.signal, line.signal] : [line.signal];
      const response = await inner(input, { ...init, signal: AbortSignal.any(signals) });
      const id = response.headers.get('chatkit-run-id') ?? request.run;
      if (id === null || response.body === null || !response.ok) return response;
      tally.begin(id, request.after);
      const body = readAlong(response.body, line);
      return new Response(body, { status: response.status, headers: response.headers });
    } catch (error) {
      if (!line.signal.aborted) throw error;
      note({ kind: 'broken', text: '' });
      throw broken();
    } finally {
      if (!streams.has(line)) open.delete(line);
    }
  };

  const readAlong = (body: ReadableStream<Uint8Array>, line: AbortController): ReadableStream<Uint8Array> => {
    const reader = body.getReader();
    // How much is too much is for the client to say.
    const decoder = createSseDecoder(onFrame, { maxEventBytes: Number.POSITIVE_INFINITY });
    streams.add(line);
    const over = (kind?: 'broken' | 'end') => {
      open.delete(line);
      if (streams.delete(line)) note(kind && { kind, text: '' });
    };
    return new ReadableStream<Uint8Array>(
      {
        start(controller) {
          line.signal.addEventListener('abort', () => {
            over('broken');
            controller.error(broken());
            reader.cancel().catch(() => {});
          });
        },
        async pull(controller) {
          try {
            const { done, value } = await reader.read();
            if (line.signal.aborted) return;
            if (done) {
              over('end');
              return controller.close();
            }
            decoder.push(value);
            controller.enqueue(value);
          } catch (error) {
            over('broken');
            controller.error(error);
          }
        },
        cancel(reason) {
          over();
          return reader.cancel(reason);
        },
      },
      // It holds nothing back that the client has not asked for, and so the server goes on to feel a slow page.
      { highWaterMark: 0 },
    );
  };

  return {
    fetch,
    drop() {
      for (const line of streams) line.abort();
    },
    plug(next) {
      isPlugged = next;
      if (!next) for (const line of open) line.abort();
      // At once: it is asked whether it is plugged, also where no picture is drawn.
      tell();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => snapshot,
  };
};

const describe = (input: Parameters<typeof fetch>[0], init: RequestInit) => {
  const url = new URL(input instanceof Request ? input.url : input, 'http://page');
  const method = init.method ?? 'GET';
  const type = typeof init.body === 'string' ? /"type":\s*"([\w.]+)"/.exec(init.body)?.[1] : undefined;
  return {
    run: url.searchParams.get('run'),
    after: url.searchParams.get('after') ?? undefined,
    text: `${method} ${type ?? (url.searchParams.has('run') ? 'the run again' : url.pathname)}`,
  };
};

const parse = (data: string): ThreadStreamEvent | undefined => {
  try {
    return JSON.parse(data) as ThreadStreamEvent;
  } catch {
    return undefined;
  }
};
