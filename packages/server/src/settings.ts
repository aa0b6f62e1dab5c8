/** A server's settings, that is, its options other than stores, log and lease, and their defaults. */
import { type Clock, systemClock } from './clock.ts';
import { reported } from './reported.ts';
import type { OnRun } from './run-observer.ts';

/**
 * What a new message does when its thread already has a run in progress: `interrupt` stops that run, keeps what it
 * wrote, and starts; `queue` waits for its end; `reject` answers 409 `thread.busy`.
 */
export type BusyPolicy = 'interrupt' | 'queue' | 'reject';

/** What happens to a run when its last reader is gone. `graceMs`: it stops unless a reader comes back in time. */
export type DisconnectPolicy = 'cancel' | 'continue' | { readonly graceMs: number };

/** How long a run may be silent, or wait. Each deadline has its own error code. */
export interface Deadlines {
  /** From the call of `respond()` to its first event (`run.first_event_timeout`). Default: none. */
  firstEventMs?: number | undefined;
  /** Between two events (`run.idle_timeout`). Default: none. */
  idleMs?: number | undefined;
  /** The whole run (`run.total_timeout`), or a call of `transcribe()` (`run.hook_timeout`). Default: 30 minutes. */
  totalMs?: number | undefined;
  /**
   * One call of the store, the attachment store, the log or the lease (`store.timeout`), or of `syncAction()`,
   * `addFeedback()`, `getStreamOptions()` or `handleStreamCancelled()` (`run.hook_timeout`). Default 30,000; `Infinity`
   * for no limit. A call that is given up may still succeed.
   */
  callMs?: number | undefined;
}

/** Where an error that was withheld from the client occurred. */
export interface ErrorInfo {
  requestType?: string | undefined;
  threadId?: string | undefined;
  runId?: string | undefined;
}

/** Options that have a default. */
export interface SettingsOptions {
  /** Default `interrupt`. */
  busy?: BusyPolicy | undefined;
  /**
   * What happens when a run's last reader leaves, per kind of client. Default: `cancel` for plain ones, because the
   * official component stops an answer by closing the stream; `continue` for those that can resume.
   */
  disconnect?: { plain?: DisconnectPolicy | undefined; resumable?: DisconnectPolicy | undefined } | undefined;
  deadlines?: Deadlines | undefined;
  /**
   * How many runs one user may have in progress or waiting in this process; beyond that, 429 `run.too_many`. Users are
   * told apart by `userOf`; those for whom it returns `undefined` are not counted. Default 100, and no limit for a
   * server without users, whose context is `undefined`: there all callers are one user, so the number that you set is
   * that of the whole process.
   */
  maxRunsPerUser?: number | undefined;
  /** How long a stopped generator may take to end before it is abandoned. Default 1,000. */
  cancelGraceMs?: number | undefined;
  /** What happens to a half-written assistant message when `respond()` throws. Default `keep`. */
  partialOnError?: 'keep' | 'remove' | undefined;
  /**
   * How long a stream may be silent before opted-in clients get a comment, so that proxies keep the connection open.
   * Default 15,000; `Infinity` for never.
   */
  heartbeatMs?: number | undefined;
  /**
   * The same for clients that did not opt in, such as the official component. Set it if a proxy closes connections that
   * are idle for as long as one of your tools may take. Every SSE parser ignores comments. Default: none, so that the
   * bytes are those of the Python SDK.
   */
  plainHeartbeatMs?: number | undefined;
  /** How long opted-in clients wait before they reconnect. Default 2,000. */
  retryMs?: number | undefined;
  /**
   * How old the connection of an opted-in client may get before it is handed over: the client reconnects at once, and a
   * proxy may route the new connection to another machine. Default 600,000 (10 minutes); `Infinity` for never.
   */
  maxConnectionMs?: number | undefined;
  /** Default 1 MiB. Raise it when users dictate: speech arrives as base64 in the body. */
  maxBodyBytes?: number | undefined;
  /**
   * The approximate maximum size of one event, in bytes of JSON. A larger one is not stored and ends the run: readers
   * get the error `event.too_large`. A larger message of a user is refused. Must not exceed what the log keeps of a
   * run. Default 8 MiB, which is what our logs keep.
   */
  maxEventBytes?: number | undefined;
  /** How deeply the JSON of a request may be nested. Default 64. */
  maxDepth?: number | undefined;
  /**
   * Origins of pages that may call this server from elsewhere, for example `https://app.example.com`. When given, a
   * request with another `Origin` gets 403, and the listed ones get CORS headers. Absent: no check, no CORS headers.
   */
  allowedOrigins?: readonly string[] | undefined;
  /**
   * Host names that the server answers to, without ports, for example `localhost`. For servers on a developer's
   * machine: others get 403. Absent: no check.
   */
  allowedHosts?: readonly string[] | undefined;
  /**
   * How many ended runs stay resumable, and for how long (24 days at most). One that is being read is kept until its
   * last reader has left, and for that long again. Default 1,000 and 5 minutes.
   */
  retain?: { runs?: number | undefined; ms?: number | undefined } | undefined;
  /**
   * Called with every error that was withheld from a client. May be async; what it throws itself goes to
   * `console.error`. Default: `console.error`.
   */
  onError?: ((error: unknown, info: ErrorInfo) => void) | undefined;
  /**
   * Called when a run begins, for metrics and traces; the function that it returns, if it does, is called when the run
   * has ended. What they throw goes to `onError`, and neither is awaited. Default: none.
   */
  onRun?: OnRun | undefined;
  /** The clock that measures durations, replaceable for tests. Default: the machine's monotonic clock. */
  clock?: Clock | undefined;
  /** The time of day in milliseconds since the epoch, for `created_at`. Default: `Date.now`. */
  now?: (() => number) | undefined;
}

/** The options with their defaults filled in. */
export interface Settings {
  readonly busy: BusyPolicy;
  readonly disconnect: { readonly plain: DisconnectPolicy; readonly resumable: DisconnectPolicy };
  readonly deadlines: Deadlines & { readonly totalMs: number; readonly callMs: number };
  /** `undefined`: the default. */
  readonly maxRunsPerUser: number | undefined;
  readonly cancelGraceMs: number;
  readonly partialOnError: 'keep' | 'remove';
  readonly heartbeatMs: number;
  readonly plainHeartbeatMs: number | undefined;
  readonly retryMs: number;
  readonly maxConnectionMs: number;
  readonly maxBodyBytes: number;
  readonly maxEventBytes: number;
  readonly maxDepth: number;
  readonly allowedOrigins: ReadonlySet<string> | undefined;
  readonly allowedHosts: ReadonlySet<string> | undefined;
  readonly retain: { readonly runs: number; readonly ms: number };
  readonly onError: (error: unknown, info: ErrorInfo) => void;
  readonly onRun: OnRun | undefined;
  readonly clock: Clock;
  readonly now: () => number;
}

export const resolveSettings = (options: SettingsOptions): Settings => ({
  busy: options.busy ?? 'interrupt',
  disconnect: {
    plain: options.disconnect?.plain ?? 'cancel',
    resumable: options.disconnect?.resumable ?? 'continue',
  },
  deadlines: {
    ...options.deadlines,
    totalMs: options.deadlines?.totalMs ?? 30 * 60_000,
    callMs: options.deadlines?.callMs ?? 30_000,
  },
  maxRunsPerUser: options.maxRunsPerUser,
  cancelGraceMs: options.cancelGraceMs ?? 1_000,
  partialOnError: options.partialOnError ?? 'keep',
  heartbeatMs: options.heartbeatMs ?? 15_000,
  plainHeartbeatMs: options.plainHeartbeatMs,
  retryMs: options.retryMs ?? 2_000,
  maxConnectionMs: options.maxConnectionMs ?? 10 * 60_000,
  maxBodyBytes: options.maxBodyBytes ?? 1024 * 1024,
  maxEventBytes: options.maxEventBytes ?? 8 * 1024 * 1024,
  maxDepth: options.maxDepth ?? 64,
  allowedOrigins: options.allowedOrigins === undefined ? undefined : new Set(options.allowedOrigins),
  allowedHosts: options.allowedHosts === undefined ? undefined : new Set(options.allowedHosts),
  retain: { runs: options.retain?.runs ?? 1_000, ms: options.retain?.ms ?? 5 * 60_000 },
  onError: guarded(options.onError ?? ((error, info) => console.error('chatkit:', error, info))),
  onRun: options.onRun,
  clock: options.clock ?? systemClock,
  now: options.now ?? Date.now,
});

/**
 * A handler that throws or rejects must break neither the ending of a run, from which it is called, nor the process.
 */
const guarded =
  (onError: Settings['onError']): Settings['onError'] =>
  (error, info) =>
    void reported(
      (second) => console.error('chatkit: onError threw', second),
      async () => onError(error, info),
      info,
    );
