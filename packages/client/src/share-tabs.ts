/**
 * Shares one server connection per run among all tabs of an origin. Browsers allow six HTTP/1.1 connections per origin:
 * with seven tabs on one answer, the next request would wait for ever. The tab that holds the run's lock (the leader)
 * reads from the server and passes the frames on over a `BroadcastChannel`; the others read the channel and queue for
 * the lock. When the leader is closed, hidden or frozen, or loses the server, the next tab continues after the last
 * frame it has. All of this is behind a `fetch`, so the client is unaware of it.
 */
import { browserPageEvents, type PageEvents } from './ports.ts';
import { type LockPort, type RunLock, takeLock } from './run-lock.ts';
import {
  browserChannels,
  type ChannelPort,
  createSharedRun,
  type RunRequest,
  type SharingPorts,
} from './shared-run.ts';

/** Options of `shareTabs`. */
export interface ShareTabsOptions {
  /** The `fetch` that reaches the server. Default: the runtime's. */
  fetch?: typeof globalThis.fetch | undefined;
  /** How long a leader may take to answer before another tab takes its place. Default 500. */
  answerMs?: number | undefined;
  /** How much text of a run a leader keeps for tabs that join later, in UTF-16 code units. Default 4 Mi. */
  keepLength?: number | undefined;
  /** For tests. Default: the browser's. Without locks, every tab has a connection of its own. */
  locks?: LockPort | undefined;
  /** For tests. */
  openChannel?: ((name: string) => ChannelPort) | undefined;
  /** For tests. */
  page?: PageEvents | undefined;
}

/**
 * Makes a `fetch` that shares the streams of runs among the tabs of this origin. All other requests pass straight
 * through.
 *
 * @example
 * const client = createChatClient({ url: '/chatkit', fetch: shareTabs() });
 */
export const shareTabs = (options: ShareTabsOptions = {}): typeof globalThis.fetch => {
  const send: typeof globalThis.fetch = (input, init) => (options.fetch ?? globalThis.fetch)(input, init);
  const locks = options.locks ?? (typeof navigator === 'undefined' ? undefined : navigator.locks);
  const openChannel = options.openChannel ?? browserChannels();
  if (locks === undefined || openChannel === undefined) return send;
  const { answerMs = 500, keepLength = 4 * 1024 * 1024, page = browserPageEvents } = options;
  const ports: SharingPorts = { send, locks, openChannel, page, answerMs, keepLength };

  return async (input, init = {}) => {
    const run = runOf(input, init);
    if (run === undefined) return send(input, init);
    const lock = await takeLock(locks, run.runId, { ifAvailable: true });
    if (lock !== undefined) return lead(run, input, init, ports, lock);
    if (run.isStart) return send(input, init);
    const shared = createSharedRun(run, init, ports);
    const joining = await shared.join();
    if (joining === 'joined') {
      const headers = { 'content-type': 'text/event-stream', 'chatkit-run-id': run.runId, ...shared.heartbeat() };
      return new Response(shared.body, { headers });
    }
    shared.close();
    // The leader did not answer, so it may be a frozen tab, which keeps its lock. If it wakes up, it learns that the
    // lock was stolen.
    const stolen = joining === 'unanswered' ? await takeLock(locks, run.runId, { steal: true }) : undefined;
    return stolen === undefined ? send(input, init) : lead(run, input, init, ports, stolen);
  };
};

/** Sends the request, and becomes the leader if the response is a stream. */
const lead = async (
  run: RunRequest,
  input: Parameters<typeof fetch>[0],
  init: RequestInit,
  ports: SharingPorts,
  lock: RunLock,
): Promise<Response> => {
  try {
    const response = await ports.send(input, init);
    if (!lock.lost.aborted && response.ok && response.body) {
      const shared = createSharedRun(run, init, ports);
      shared.lead(response.body, response.headers, lock);
      return new Response(shared.body, { status: response.status, headers: response.headers });
    }
    lock.release();
    return response;
  } catch (error) {
    lock.release();
    throw error;
  }
};

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
