/** The errors of logs that are kept outside of the process. */
import { ChatKitError } from '@chatkit/core';

const named = (runId: string) => JSON.stringify(runId);

export const unknownRun = (runId: string): ChatKitError =>
  new ChatKitError('run.not_found', `There is no run with the id ${named(runId)}.`, { details: { id: runId } });

export const expiredRun = (runId: string): ChatKitError =>
  new ChatKitError('log.expired', `The run ${named(runId)} no longer has the entries that this reader needs.`, {
    details: { id: runId },
  });

export const closedRun = (runId: string): ChatKitError =>
  new ChatKitError('log.closed', `The run ${named(runId)} has ended; nothing can follow.`, { details: { id: runId } });

/** Another machine owns the run by now: entries from this one do not get into the log. */
export const fencedRun = (runId: string): ChatKitError =>
  new ChatKitError('run.interrupted', `Another machine has taken over the run ${named(runId)}.`, {
    retryable: true,
    details: { id: runId },
  });

/** The database that keeps the log (`where`) has not answered for longer than the log waits. */
export const unreachable = (runId: string, cause: unknown, where: string): ChatKitError =>
  new ChatKitError('internal', `${where} does not answer; the log of the run ${named(runId)} is out of reach.`, {
    retryable: true,
    cause,
    details: { id: runId },
  });

export const unknownOffset = (offset: string): ChatKitError =>
  new ChatKitError('log.offset_unknown', `${JSON.stringify(offset)} is not an offset.`, { details: { offset } });

export const closing = (): ChatKitError =>
  new ChatKitError('server.closing', 'The log was closed.', { retryable: true });
