/**
 * Attaching to a run that exists (resume), and cancelling one from any machine. Both load the run's thread from the
 * store as the requesting user, so a run in somebody else's thread gets the same answer as a run that never existed,
 * after the same work.
 */
import { ChatKitError, compareOffsets, isChatKitError, parseOffset, type ThreadMetadata } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import { ReaderHold } from './reader-hold.ts';
import type { RemoteRun } from './remote-run.ts';
import type { Kernel } from './reply-to.ts';
import type { Run } from './run.ts';
import { isRunId } from './run-id.ts';
import { optedIn, type ServerRequest } from './server-request.ts';
import { orRelease, streamReply } from './stream-reply.ts';

/**
 * `GET ?run=&after=`: replays what is missing, then follows. `Last-Event-ID` wins over `after`, which ages in a URL.
 */
export const attach = async <Context>(
  kernel: Kernel<Context>,
  request: ServerRequest,
  context: Context,
): Promise<Reply> => {
  const query = new URL(request.url).searchParams;
  const runId = query.get('run');
  if (runId === null) {
    throw new ChatKitError(
      'request.invalid',
      'Requests to a ChatKit server are POSTs; a GET attaches to a run and needs its id: ?run=…',
      { details: { path: 'run' } },
    );
  }
  const after = request.headers.get('last-event-id') ?? query.get('after') ?? undefined;
  const run = await authorized(kernel, runId, context);
  assertOffset(run, after || undefined);
  const hold = new ReaderHold(run, request);
  // The run of a plain client ends with its last reader. One that did not opt in may be such a client, come back for
  // somebody who speaks another protocol, and is counted wherever the run is.
  if (!optedIn(request)) await orRelease(kernel.registry.join(run, hold.signal), hold);
  return attachTo(kernel, run, after || undefined, request, hold);
};

/** Attaches to a run that the user may read. */
export const attachTo = async <Context>(
  kernel: Kernel<Context>,
  run: Run | RemoteRun,
  after: string | undefined,
  request: ServerRequest,
  hold: ReaderHold,
): Promise<Reply> => {
  // Attaching by GET is itself one of the extensions.
  const resumable = request.method === 'GET' || optedIn(request);
  const { parts, registry } = kernel;
  return streamReply({ run, hold, settings: parts.settings, streams: registry.streams, resumable, after });
};

const assertOffset = (run: Run | RemoteRun, after: string | undefined): void => {
  if (after === undefined) return;
  // For a run on another machine the newest offset is not known here: the shared log waits until it has this one.
  if (parseOffset(after) === undefined || compareOffsets(after, run.lastOffset() ?? after) > 0) {
    throw new ChatKitError('log.offset_unknown', 'The run has no such offset.', { details: { path: 'after' } });
  }
};

/**
 * `runs.cancel`: stops a run and waits until it has settled. Cancelling it twice, or after its end, changes nothing.
 */
export const cancelRun = async <Context>(
  kernel: Kernel<Context>,
  runId: string,
  context: Context,
): Promise<Record<string, never>> => {
  const run = await authorized(kernel, runId, context);
  await kernel.registry.cancel(run);
  return {};
};

/** The run, if the user has its thread. */
const authorized = async <Context>(
  kernel: Kernel<Context>,
  runId: string,
  context: Context,
): Promise<Run | RemoteRun> => {
  const run = isRunId(runId) ? await kernel.registry.find(runId) : undefined;
  // A thread is looked up for an unknown run too, so that the time to refuse reveals nothing.
  const thread = await threadOf(kernel, run?.threadId ?? (isRunId(runId) ? runId : 'none'), context);
  if (run !== undefined && thread !== undefined) return run;
  throw new ChatKitError('run.not_found', 'There is no such run.');
};

/** The thread of a run, if this user has it. */
export const threadOf = async <Context>(
  { parts }: Kernel<Context>,
  threadId: string,
  context: Context,
): Promise<ThreadMetadata | undefined> => {
  try {
    return (await parts.store.loadThread(threadId, context)).thread;
  } catch (error) {
    if (isChatKitError(error, 'thread.not_found')) return undefined;
    throw error;
  }
};
