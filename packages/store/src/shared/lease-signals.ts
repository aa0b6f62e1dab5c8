/**
 * Signals between leases: stop a run, and a thread is free. Signals may be lost: whoever needs one also learns of it by
 * polling, later.
 */
import type { RunLease } from '@chatkit/core';
import type { SqlPort } from './sql-port.ts';

export type LeaseSignal =
  | { readonly runId: string; readonly cause: string }
  | { readonly threadId: string; readonly cause?: undefined };

/** Listeners for signals. */
export interface SignalHub extends Pick<RunLease, 'onStop' | 'onFree'> {
  hear(signal: LeaseSignal): void;
  /** Removes all listeners. */
  close(): void;
}

/** How signals travel to and from other leases. */
export interface LeaseSignals {
  /** The listeners of this lease. */
  readonly hub: SignalHub;
  /** Delivers a signal to listeners in this process, after the transaction has committed. */
  tell(signal: LeaseSignal): void;
  /** Sends a signal to other processes, as part of the transaction that causes it. */
  send(db: SqlPort, signal: LeaseSignal, now: number): Promise<void>;
  /** Makes sure that this lease, which holds a run or waits for one, receives signals from now on, for a while. */
  attend(db: SqlPort): Promise<void>;
  /** Stops listening. */
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
      // Wrapped, so that the same function can be registered twice.
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
