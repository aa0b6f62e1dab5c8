/**
 * What leases tell each other: that a run is to stop, and that a thread is free. Both may be lost: whoever needs them
 * has another way to learn it, later.
 */
import type { RunLease } from '@chatkit/core';
import type { SqlPort } from './sql-port.ts';

export type LeaseSignal =
  | { readonly runId: string; readonly cause: string }
  | { readonly threadId: string; readonly cause?: undefined };

/** Those who listen. */
export interface SignalHub extends Pick<RunLease, 'onStop' | 'onFree'> {
  hear(signal: LeaseSignal): void;
  /** Nobody listens any more. */
  close(): void;
}

/** How signals get to leases that are not this one. */
export interface LeaseSignals {
  /** Those who listen to this lease. */
  readonly hub: SignalHub;
  /** Tells those who listen in this process, once it is so. */
  tell(signal: LeaseSignal): void;
  /** Tells other processes, with the transaction of what it tells of. */
  send(db: SqlPort, signal: LeaseSignal, now: number): Promise<void>;
  /** This lease holds a run, or waits for one: for a while it hears of what is told after this moment. */
  attend(db: SqlPort): Promise<void>;
  /** Ends listening, and nothing else of the hub. */
  close(): void;
}

export const createSignalHub = (): SignalHub => {
  const stops = new Set<(runId: string, cause: string) => void>();
  const frees = new Set<(threadId: string) => void>();
  return {
    hear(signal) {
      if (signal.cause === undefined) for (const listener of [...frees]) listener(signal.threadId);
      else for (const listener of [...stops]) listener(signal.runId, signal.cause);
    },
    onStop(listener) {
      // The same function may listen twice.
      const own = (runId: string, cause: string) => listener(runId, cause);
      stops.add(own);
      return () => void stops.delete(own);
    },
    onFree(listener) {
      const own = (threadId: string) => listener(threadId);
      frees.add(own);
      return () => void frees.delete(own);
    },
    close() {
      stops.clear();
      frees.clear();
    },
  };
};
