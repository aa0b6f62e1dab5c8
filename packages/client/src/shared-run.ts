/**
 * One tab's part in a run that several tabs share: `joining → following ⇄ claiming → leading → closed`. The leader
 * reads from the server and broadcasts; the others read the channel and queue for the lock. The tab's client reads one
 * body throughout. In any doubt the body is cut, and the client resumes as after any lost connection.
 */
import { compareOffsets } from '@chatkit/core';
import { deferred } from './deferred.ts';
import { pause } from './pause.ts';
import { type PageEvents, pageClock } from './ports.ts';
import { type LockPort, type RunLock, takeLock } from './run-lock.ts';
import { type KeptFrames, keepFrames, readFrames, type SharedFrame } from './shared-frames.ts';

/** The part of `BroadcastChannel` that is used. */
export interface ChannelPort {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
  close(): void;
}

/** The browser's `BroadcastChannel`, or `undefined` where there is none. */
export const browserChannels = (): ((name: string) => ChannelPort) | undefined => {
  try {
    // The class may be missing; and where pages may store nothing, Firefox has it but its constructor throws.
    new BroadcastChannel('').close();
    return (name) => new BroadcastChannel(name);
  } catch {
    return undefined;
  }
};

/** What a tab needs from its environment. */
export interface SharingPorts {
  readonly send: typeof globalThis.fetch;
  readonly locks: LockPort;
  readonly openChannel: (name: string) => ChannelPort;
  readonly page: PageEvents;
  readonly answerMs: number;
  readonly keepLength: number;
}

/** The run that a request starts or attaches to. */
export interface RunRequest {
  readonly runId: string;
  readonly url: URL;
  readonly after: string | undefined;
  /** Whether it starts the run. */
  readonly isStart: boolean;
}

/**
 * The result of joining. `joined`: the leader is being followed. `refused`: it does not have the missing frames.
 * `unanswered`: no leader answered.
 */
export type Joining = 'joined' | 'refused' | 'unanswered';

export interface SharedRun {
  readonly body: ReadableStream<Uint8Array>;
  /** The server's heartbeat header, once it is known. */
  heartbeat(): Record<string, string>;
  /** Reads from the server and broadcasts, for as long as it holds the lock. */
  lead(upstream: ReadableStream<Uint8Array>, head: Headers, lock: RunLock): void;
  /** Asks the leader for the missing frames, then follows it and queues for the lock. */
  join(): Promise<Joining>;
  close(): void;
}

type Message =
  | { readonly type: 'join'; readonly from: number; readonly after: string | undefined }
  /** The leader's answer to one tab. Without frames, that tab must ask the server. */
  | {
      readonly type: 'joined';
      readonly to: number;
      readonly frames: readonly SharedFrame[] | undefined;
      readonly heartbeat: string | undefined;
    }
  | { readonly type: 'frame'; readonly frame: SharedFrame };

/** How long a leader's last frames may still be in flight after its lock was freed. */
const lateMs = 20;

export const createSharedRun = (run: RunRequest, init: RequestInit, ports: SharingPorts): SharedRun => {
  const me = Math.random();
  const channel = ports.openChannel(`chatkit:${run.runId}`);
  const encoder = new TextEncoder();
  const over = new AbortController();
  const joined = deferred<Joining>();
  let role: 'joining' | 'following' | 'claiming' | 'leading' | 'closed' = 'joining';
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  /** The last offset in this tab's body. */
  let last = run.after;
  let kept: KeptFrames | undefined;
  let heartbeat: string | undefined;
  let hasFollowers = false;
  let isHidden = typeof document !== 'undefined' && document.visibilityState === 'hidden';
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
    joined.resolve('refused');
    if (end === 'done') controller.close();
    else if (end !== undefined) controller.error(end.error);
  };

  /** Breaks the body, so that the client reconnects from its last offset. */
  const cut = (): void => close({ error: new TypeError('The leading tab was lost.') });

  const take = (frame: SharedFrame): void => {
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
      hasFollowers = true;
      tell({ type: 'joined', to: data.from, frames: kept?.behind(data.after), heartbeat });
      if (isHidden) giveWay();
    } else if (data.type === 'joined' && data.to === me && role === 'joining') {
      if (data.frames === undefined) return joined.resolve('refused');
      role = 'following';
      heartbeat = data.heartbeat;
      joined.resolve('joined');
      for (const frame of data.frames) take(frame);
      void queue();
    } else if (data.type === 'frame' && role === 'following') take(data.frame);
  };

  const lead = (upstream: ReadableStream<Uint8Array>, head: Headers, lock: RunLock): void => {
    role = 'leading';
    hasFollowers = false;
    const frames = keepFrames(last, ports.keepLength);
    kept = frames;
    heartbeat = head.get('chatkit-heartbeat') ?? undefined;
    const reader = upstream.getReader();
    const stop = () => {
      stopLeading = undefined;
      void reader.cancel().catch(() => {});
      lock.release();
    };
    stopLeading = stop;
    const isMine = () => stopLeading === stop;
    lock.lost.addEventListener('abort', () => isMine() && giveWay());
    void readFrames(reader, (id, text) => {
      if (!isMine()) return;
      const frame: SharedFrame = { id, after: last, text };
      frames.keep(frame);
      tell({ type: 'frame', frame });
      take(frame);
    }).then(
      () => isMine() && close('done'),
      (error: unknown) => isMine() && close({ error }),
    );
  };

  /** Gives up leading, so that a visible tab can take over. */
  const giveWay = (): void => {
    role = 'following';
    stopLeading?.();
    void queue();
  };

  /** Waits until the leader is gone, and takes over. */
  const queue = async (): Promise<void> => {
    const lock = await takeLock(ports.locks, run.runId, { signal: over.signal });
    if (lock === undefined) return;
    await pause(lateMs, pageClock);
    if (role !== 'following') return lock.release();
    // From here on channel frames are ignored: the server will send the same events, perhaps merged into other frames.
    role = 'claiming';
    try {
      const url = new URL(run.url);
      if (last !== undefined) url.searchParams.set('after', last);
      const response = await ports.send(url, { ...init, signal: over.signal });
      if (over.signal.aborted) return lock.release();
      if (response.ok && response.body && !lock.lost.aborted) return lead(response.body, response.headers, lock);
    } catch {
      // The client will find out by asking the server itself.
    }
    lock.release();
    cut();
  };

  const stopListening = ports.page.listen((signal) => {
    if (signal === 'hidden' || signal === 'visible') isHidden = signal === 'hidden';
    if (isHidden && role === 'leading' && hasFollowers) giveWay();
  });
  init.signal?.addEventListener('abort', () => close({ error: init.signal?.reason }), { signal: over.signal });

  return {
    body,
    heartbeat: () => (heartbeat === undefined ? {} : { 'chatkit-heartbeat': heartbeat }),
    lead,
    close: () => close(),
    join() {
      tell({ type: 'join', from: me, after: last });
      void pause(ports.answerMs, pageClock).then(() => joined.resolve('unanswered'));
      return joined.promise;
    },
  };
};
