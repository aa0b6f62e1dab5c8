/**
 * A streaming request becomes a run. The client may choose the run's id, which makes its POST idempotent: whoever sends
 * it again, to this machine or to another one, at the same moment or later, reads the run that is there.
 */
import { ChatKitError, isChatKitError } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import { attachTo, holdFor, threadOf } from './attach.ts';
import type { RemoteRun } from './remote-run.ts';
import type { Kernel } from './reply-to.ts';
import { type Destination, prepareTurn, type StreamingRequest } from './requests/prepare-turn.ts';
import type { Run, RunPlace } from './run.ts';
import { createRunId, isRunId, runIdIn } from './run-id.ts';
import { isCutShort } from './run-state.ts';
import { optedIn, type ServerRequest } from './server-request.ts';
import { orRelease, streamReply } from './stream-reply.ts';
import { threadNameOf } from './thread-name.ts';

/** How often a run is looked for that others were asked to start too, and could not begin. */
const MAX_LOOKS = 5;

/** Starts a run, or attaches to the one that has its id. */
export const startRun = async <Context>(
  kernel: Kernel<Context>,
  call: StreamingRequest,
  request: ServerRequest,
  context: Context,
): Promise<Reply> => {
  const chosen = chosenId(request);
  const to = destinationOf(kernel, chosen, call, request, context);
  if (chosen === undefined) return (await begin(kernel, createRunId(), to, call, request, context)) as Reply;
  let runId = chosen;
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    // Nothing is waited for between the last look and `begin`: two POSTs at once must not both start the run.
    const known = (await kernel.registry.find(runId)) ?? kernel.registry.get(runId);
    if (known === undefined) {
      const reply = await begin(kernel, runId, to, call, request, context);
      if (reply !== 'elsewhere') return reply;
    } else {
      if (!(await isSameThread(kernel, known, to, call, context))) {
        // The user's own message, whose first attempt began a thread that its client has never heard of, and which is
        // now for another one.
        runId = runIdIn(to.threadId, chosen);
        continue;
      }
      const hold = holdFor(known, request);
      // With its readers a run of a client that cannot resume ends; so this one counts, wherever the run is.
      const isWhole = optedIn(request) || (await orRelease(kernel.registry.join(known, hold.signal), hold));
      if (isWhole && isCutOff(known, to, request)) {
        runId = runIdIn(to.threadId, runId);
        look = -1;
      } else if (isWhole && (await orRelease(whereIs(known, request), hold)) === 'here') {
        await orRelease(assertSameRun(kernel, known, call, context), hold);
        return attachTo(kernel, known, undefined, request, hold);
      }
      hold.release();
    }
  }
  throw conflict('The run is being started elsewhere.', true);
};

const chosenId = (request: ServerRequest): string | undefined => {
  const chosen = request.headers.get('chatkit-run-id');
  if (chosen === null) return undefined;
  if (isRunId(chosen)) return chosen;
  throw new ChatKitError('request.invalid', 'The header ChatKit-Run-Id is not an id.', {
    details: { path: 'ChatKit-Run-Id' },
  });
};

/** Where a request is going. Told once: an application's own ids are new each time. */
const destinationOf = <Context>(
  { parts, registry }: Kernel<Context>,
  runId: string | undefined,
  call: StreamingRequest,
  request: ServerRequest,
  context: Context,
): Destination => {
  const isRepeat = request.headers.get('chatkit-repeat') === '1';
  const hasAnswer = isRepeat && runId !== undefined && registry.hasCompleted(runId);
  const common = { runId, isRepeat, hasAnswer };
  if (call.type !== 'threads.create') return { ...common, threadId: call.params.thread_id, isNamed: false };
  const name = threadNameOf(request, runId, parts.userOf(context));
  return { ...common, threadId: parts.generateThreadId(context, name), isNamed: name !== undefined };
};

const begin = async <Context>(
  { parts, registry, waitUntil }: Kernel<Context>,
  runId: string,
  to: Destination,
  call: StreamingRequest,
  request: ServerRequest,
  context: Context,
): Promise<Reply | 'elsewhere'> => {
  const isOptedIn = optedIn(request);
  const { threadId } = to;
  const { disconnect } = parts.settings;
  // Who names the run may ask for it again, in whatever form the answer is.
  const resumable = isOptedIn || to.runId !== undefined;
  const { run, ready } = registry.begin(
    { runId, threadId, resumable, userId: parts.userOf(context) },
    () => prepareTurn(parts, call, to, context),
    isOptedIn ? disconnect.resumable : disconnect.plain,
  );
  waitUntil?.(run.settled);
  const hold = holdFor(run, request);
  const place = await orRelease(ready, hold);
  if (place === 'here') return streamReply({ run, hold, settings: parts.settings, resumable: isOptedIn });
  hold.release();
  return place;
};

/**
 * Whether a run has ended without the answer that a plain client asks for again. Its client left, and with it the run
 * ended, or its machine died; such a client cannot say that it wants another answer. One that opts in is told how the
 * run ended, and can.
 */
const isCutOff = (run: Run | RemoteRun, { isRepeat }: Destination, request: ServerRequest): boolean => {
  if (!isRepeat || optedIn(request)) return false;
  // One without its log has not begun, or is another machine's.
  return 'state' in run ? run.ownsLog() && isCutShort(run.state().status) : isCutShort(run.outcome);
};

/**
 * A repeated POST waits for the first one's outcome, so that it fails as that one did and finds the thread stored. A
 * run of another machine that could not begin is gone: it is begun anew, to fail in its own words.
 */
const whereIs = async (run: Run | RemoteRun, request: ServerRequest): Promise<RunPlace> => {
  if ('state' in run) return run.opened;
  try {
    return await run.opened(request.signal);
  } catch (error) {
    if (request.signal.aborted) throw new ChatKitError('run.cancelled', 'The client has gone.');
    if (isChatKitError(error, 'run.not_found') || isChatKitError(error, 'log.expired')) return 'elsewhere';
    throw error;
  }
};

/**
 * Whether a run is in the thread that a request is for; throws when the run is another user's. A request for a thread
 * that its user does not have fails as it would without the run, and at once: otherwise a stranger who knows a run's id
 * is told by the answer, or by how long it takes, that there is such a run. The thread of a new conversation may not be
 * stored before the run has begun.
 */
const isSameThread = async <Context>(
  kernel: Kernel<Context>,
  run: Run | RemoteRun,
  { threadId }: Destination,
  call: StreamingRequest,
  context: Context,
): Promise<boolean> => {
  if (call.type === 'threads.create') {
    // A run that makes a thread waits for it only if it is there already: this one is another request's, unless it
    // makes the same.
    if (kernel.registry.waits(run) && threadId !== run.threadId) throw anotherRequest();
    return true;
  }
  await kernel.parts.store.loadThread(threadId, context);
  if (threadId === run.threadId) return true;
  if ((await threadOf(kernel, run.threadId, context)) === undefined) throw anotherRequest();
  return false;
};

const assertSameRun = async <Context>(
  kernel: Kernel<Context>,
  run: Run | RemoteRun,
  call: StreamingRequest,
  context: Context,
): Promise<void> => {
  // The thread of any other request has been seen to be this user's, and the run's.
  if (call.type !== 'threads.create' || (await threadOf(kernel, run.threadId, context)) !== undefined) return;
  throw anotherRequest();
};

const anotherRequest = (): ChatKitError =>
  conflict('The header ChatKit-Run-Id names a run that was started by another request.', false);

const conflict = (message: string, retryable: boolean): ChatKitError =>
  new ChatKitError('run.conflict', message, { retryable, details: { path: 'ChatKit-Run-Id' } });
