/** Watches a stream for stalls, and has the server probed while one lasts. */
import { type Operator, pipe, type Source, stallWatchdog, tap } from '@chatkit/stream';
import { hasFlowed } from './measure.ts';
import type { Recording } from './recording.ts';
import { type Answers, type Asking, takeEvidence } from './take-evidence.ts';
import { type Evidence, type Verdict, verdictOf } from './verdict.ts';

/** A period without events, and its cause. */
export interface Stall {
  /** When the last event before the stall came, since the request was sent. */
  readonly atMs: number;
  /** How long it lasted. */
  readonly lastedMs: number;
  /** How many events had come before the stall. */
  readonly behind: number;
  readonly verdict: Verdict;
  readonly evidence: Evidence & Pick<Answers, 'witnessStatus'>;
}

/** A sign of life of the stream: the response's head, or a read with events. */
export interface Movement {
  readonly events: number;
}

/** The connection that is being watched. */
export interface Watched {
  readonly asking: Asking;
  readonly recording: Recording;
  readonly stallMs: number;
  elapsedMs(): number;
  isOpen(): boolean;
  /** The id by which the run can be looked up, if there is one. */
  runId(): string | undefined;
}

/** An operator that passes movements on and watches them, and the stalls that it has seen. */
export interface StallWatch {
  readonly watch: Operator<Movement, Movement>;
  /** Resolves with all stalls when the pending probes have finished. */
  stalls(): Promise<Stall[]>;
}

/** Watches a connection. */
export const createStallWatch = (watched: Watched): StallWatch => {
  const { asking, recording, stallMs, elapsedMs } = watched;
  const stalls: Promise<Stall>[] = [];
  let movements = 0;
  let behind = 0;
  let heartbeatsBefore = 0;
  let endStall: (lastedMs: number) => void = () => {};

  const look = async (atMs: number, lasted: Promise<number>): Promise<Stall> => {
    const seen = {
      movements,
      behind,
      heartbeatsBefore,
      isOpen: watched.isOpen(),
      hasFlowed: hasFlowed(recording.reads),
    };
    const answers = await takeEvidence(asking, {
      runId: watched.runId(),
      offset: recording.offset,
      threadId: recording.threadId,
      hasMoved: () => movements !== seen.movements,
    });
    const heartbeats = movements === seen.movements ? recording.heartbeats - seen.heartbeatsBefore : 0;
    const evidence = { isOpen: seen.isOpen, hasFlowed: seen.hasFlowed, heartbeats, ...answers };
    return { atMs, lastedMs: await lasted, behind: seen.behind, verdict: verdictOf(evidence), evidence };
  };

  const watch = (source: Source<Movement>) =>
    pipe(
      source,
      stallWatchdog({
        afterMs: stallMs,
        onStall: ({ waitedMs }) => {
          const lasted = new Promise<number>((resolve) => {
            endStall = resolve;
          });
          stalls.push(look(elapsedMs() - waitedMs, lasted));
        },
        onResume: ({ waitedMs }) => endStall(waitedMs),
      }),
      tap(({ events }) => {
        movements += 1;
        behind += events;
        heartbeatsBefore = recording.heartbeats;
      }),
    );

  return { watch, stalls: () => Promise.all(stalls) };
};
