/**
 * One upstream per run for all tabs of an origin. HTTP/1.1 allows six connections: with seven tabs on one answer the next
 * request would wait for ever. The tab that holds the run's lock reads from the server and passes the frames on over a
 * channel; the others read there and queue for the lock. When the leader goes, is hidden or loses the server, the next one
 * goes on behind the last frame that it has. All of it is a `fetch`, so the client knows nothing: in any doubt a tab's body is
 * cut, and a client makes good for that exactly once.
 */
import { compareOffsets } from '@chatkit/core';
import { deferred } from './deferred.ts';
import { browserPageEvents, type PageEvents } from './ports.ts';

/** What is needed of `navigator.locks`. */
export interface LockPort {
  request(
    name: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    hold: (lock: unknown) => Promise<void> | undefined,
  ): Promise<unknown>;
}

/** What is needed of a `BroadcastChannel`. */
export interface ChannelPort {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

export interface ShareTabsOptions {
  /** What reaches the server. Default: the runtime's. */
  fetch?: typeof globalThis.fetch | undefined;
  /** How long a leader may take to answer before a tab asks the server itself. Default 500. */
  answerMs?: number | undefined;
  /** How much text of a run a leader keeps for tabs that come later, in UTF-16 units. Default 4 Mi. */
  keepLength?: number | undefined;
  /** For tests. Default: the browser's. Where there is none, every tab has a connection of its own. */
  locks?: LockPort | undefined;
  /** For tests. */
  openChannel?: ((name: string) => ChannelPort) | undefined;
  /** For tests. */
  page?: PageEvents | undefined;
}

/** A frame on the channel, with the offset of the one before it, so that nobody takes one after a gap. */
interface Frame {
  readonly id: string | undefined;
  readonly after: string | undefined;
  readonly text: string;
}

type Message =
  | { readonly type: 'join'; readonly from: string; readonly after: string | undefined }
  /** The answer to one tab: the frames behind its offset; none when the leader cannot tell which those are. */
  | { readonly type: 'joined'; readonly to: string; readonly frames: readonly Frame[] | undefined }
  | { readonly type: 'frame'; readonly frame: Frame };

interface Ports {
  readonly send: typeof globalThis.fetch;
  readonly locks: LockPort;
  readonly openChannel: (name: string) => ChannelPort;
  readonly page: PageEvents;
  readonly answerMs: number;
  readonly keepLength: number;
}

/** What a request is about. */
interface RunRequest {
  readonly runId: string;
  readonly url: URL;
  readonly after: string | undefined;
  /** Whether it starts the run. */
  readonly isStart: boolean;
}

/**
 * A `fetch` that shares the streams of runs with the other tabs of this origin. Everything else goes straight through.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit', fetch: shareTabs() });
 */
export const shareTabs = (options: ShareTabsOptions = {}): typeof globalThis.fetch => {
  const send: typeof globalThis.fetch = (input, init) => (options.fetch ?? globalThis.fetch)(input, init);
  const locks = options.locks ?? (typeof navigator === 'undefined' ? undefined : navigator.locks);
  const openChannel =
    options.openChannel ??
    (typeof BroadcastChannel === 'undefined' ? undefined : (name: string) => new BroadcastChannel(name));
  if (locks === undefined || openChannel === undefined) return send;
  const { answerMs = 500, keepLength = 4 * 1024 * 1024, page = browserPageEvents } = options;
  const ports: Ports = { send, locks, openChannel, page, answerMs, keepLength };

  return async (input, init = {}) => {
    const run = runOf(input, init);
    if (run === undefined) return send(input, init);
    const release = await lockOf(locks, run.runId, { ifAvailable: true });
    if (release === undefined) return (run.isStart ? undefined : await follow(run, init, ports)) ?? send(input, init);
    try {
      const response = await send(input, init);
      if (response.ok && response.status !== 204 && response.body !== null) {
        const tab = createTab(run, init, ports);
        tab.lead(response.body, release);
        return new Response(tab.body, { status: response.status, headers: response.headers });
      }
      release();
      return response;
    } catch (error) {
      release();
      throw error;
    }
  };
};

/** Joins the leader. `undefined` when it does not answer, or no longer has what is missing. */
const follow = async (run: RunRequest, init: RequestInit, ports: Ports): Promise<Response | undefined> => {
  const tab = createTab(run, init, ports);
  if (!(await tab.join())) {
    tab.close();
    return undefined;
  }
  return new Response(tab.body, { headers: { 'content-type': 'text/event-stream', 'chatkit-run-id': run.runId } });
};

interface Tab {
  readonly body: ReadableStream<Uint8Array>;
  /** Reads from the server and tells the others. `release` gives the lock back. */
  lead(upstream: ReadableStream<Uint8Array>, release: () => void): void;
  /** Asks the leader for what is missing, follows it, and queues for the lock. */
  join(): Promise<boolean>;
  close(): void;
}

/** One tab's part in one run: `joining → following ⇄ leading → closed`. Its body is the same throughout. */
const createTab = (
  run: RunRequest,
  init: RequestInit,
  { send, locks, openChannel, page, answerMs, keepLength }: Ports,
): Tab => {
  const me = `${Math.random()}`;
  const channel = openChannel(`chatkit:${run.runId}`);
  const encoder = new TextEncoder();
  const over = new AbortController();
  const joined = deferred<boolean>();
  let role: 'joining' | 'following' | 'leading' | 'closed' = 'joining';
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  /** The offset that this tab's body has reached. */
  let last = run.after;
  /** What a leader has handed out since it began, and from where. */
  let kept: Frame[] = [];
  let keptFrom: string | undefined;
  let keptLength = 0;
  let followers = 0;
  let stopLeading: (() => void) | undefined;

  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own;
    },
    cancel: () => close(),
  });

  const close = (end?: 'done' | { readonly error: unknown }): void => {
    if (role === 'closed') return;
    role = 'closed';
    over.abort();
    stopLeading?.();
    channel.close();
    stopListening();
    joined.resolve(false);
    if (end === 'done') controller.close();
    else if (end !== undefined) controller.error(end.error);
  };

  /** The client asks again, from where it is. */
  const cut = (): void => close({ error: new TypeError('The leading tab was lost.') });

  const take = (frame: Frame): void => {
    if (role === 'closed') return;
    if (frame.id !== undefined && frame.after !== last) {
      if (last === undefined || compareOffsets(frame.id, last) > 0) cut();
      return;
    }
    last = frame.id ?? last;
    controller.enqueue(encoder.encode(frame.text));
  };

  const tell = (message: Message): void => channel.postMessage(message);

  channel.onmessage = ({ data }: MessageEvent<Message>) => {
    if (data.type === 'join' && role === 'leading') {
      followers += 1;
      tell({ type: 'joined', to: data.from, frames: framesBehind(data.after) });
    }
    if (data.type === 'joined' && data.to === me && role === 'joining' && data.frames !== undefined) {
      role = 'following';
      joined.resolve(true);
      for (const frame of data.frames) take(frame);
      void queue();
    } else if (data.type === 'joined' && data.to === me) joined.resolve(false);
    if (data.type === 'frame' && role === 'following') take(data.frame);
  };

  /** Frames may be merged ones, so only an offset at which one of ours ended is a place to go on from. */
  const framesBehind = (after: string | undefined): readonly Frame[] | undefined => {
    if (keptLength > keepLength) return undefined;
    if (after === keptFrom) return kept;
    const at = kept.findLastIndex(({ id }) => id === after);
    return after === undefined || at === -1 ? undefined : kept.slice(at + 1);
  };

  const keep = (frame: Frame): void => {
    keptLength += frame.text.length;
    if (keptLength <= keepLength) kept.push(frame);
    else kept = [];
  };

  const lead = (upstream: ReadableStream<Uint8Array>, release: () => void): void => {
    role = 'leading';
    kept = [];
    keptFrom = last;
    keptLength = 0;
    followers = 0;
    const reader = upstream.getReader();
    stopLeading = () => {
      stopLeading = undefined;
      void reader.cancel().catch(() => {});
      release();
    };
    void relay(reader).then(
      () => role === 'leading' && close('done'),
      (error: unknown) => role === 'leading' && close({ error }),
    );
  };

  const relay = async (reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || role !== 'leading') return;
      text += decoder.decode(value, { stream: true });
      // Our server ends lines with LF, and only a server of ours has runs to share.
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const raw = text.slice(0, end + 2);
        text = text.slice(end + 2);
        const frame: Frame = { id: /^id: ?(.*)$/m.exec(raw)?.[1], after: last, text: raw };
        keep(frame);
        tell({ type: 'frame', frame });
        take(frame);
      }
    }
  };

  /** Waits until the leader is gone, and takes its place. */
  const queue = async (): Promise<void> => {
    const release = await lockOf(locks, run.runId, { signal: over.signal });
    if (release === undefined) return;
    // Its last frames may still be on their way.
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (role !== 'following') return release();
    try {
      const url = new URL(run.url);
      if (last !== undefined) url.searchParams.set('after', last);
      const response = await send(url, { ...init, signal: over.signal });
      if (role === 'following' && response.status === 200 && response.body !== null)
        return lead(response.body, release);
    } catch {
      // The client finds out by asking itself.
    }
    release();
    cut();
  };

  const stopListening = page.listen((signal) => {
    if (signal !== 'hidden' || role !== 'leading' || followers === 0) return;
    // Somebody who is looked at may lead.
    role = 'following';
    stopLeading?.();
    void queue();
  });
  init.signal?.addEventListener('abort', () => close({ error: init.signal?.reason }), { signal: over.signal });

  return {
    body,
    lead,
    close: () => close(),
    async join() {
      tell({ type: 'join', from: me, after: last });
      const timer = setTimeout(() => joined.resolve(false), answerMs);
      const isJoined = await joined.promise;
      clearTimeout(timer);
      return isJoined;
    },
  };
};

/** Holds the lock of a run. Resolves with what gives it back; `undefined` when it is not to be had. */
const lockOf = (
  locks: LockPort,
  runId: string,
  options: { ifAvailable?: boolean; signal?: AbortSignal },
): Promise<(() => void) | undefined> =>
  new Promise((resolve) => {
    const hold = (lock: unknown): Promise<void> | undefined => {
      if (lock === null) {
        resolve(undefined);
        return undefined;
      }
      const held = deferred<void>();
      resolve(() => held.resolve());
      return held.promise;
    };
    locks.request(`chatkit:${runId}`, options, hold).catch(() => resolve(undefined));
  });

const runOf = (input: string | URL | Request, init: RequestInit): RunRequest | undefined => {
  if (input instanceof Request) return undefined;
  const url = new URL(input, typeof location === 'undefined' ? 'http://localhost' : location.href);
  const attached = url.searchParams.get('run');
  if ((init.method ?? 'GET') === 'GET' && attached !== null) {
    return { runId: attached, url, after: url.searchParams.get('after') ?? undefined, isStart: false };
  }
  const started = new Headers(init.headers).get('chatkit-run-id');
  if (started === null) return undefined;
  url.searchParams.set('run', started);
  return { runId: started, url, after: undefined, isStart: true };
};
