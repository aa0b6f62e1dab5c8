/**
 * Starts the run of a streaming request, or attaches to it. The client may choose the run's id, which makes its POST
 * idempotent: a repeat, to this machine or to another one, at the same moment or later, reads the run that exists.
 */
import { ChatKitError, isChatKitError } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import { attachTo, threadOf } from './attach.ts';
import { ReaderHold } from './reader-hold.ts';
import type { RemoteRun } from './remote-run.ts';
import type { Kernel } from './reply-to.ts';
import { type Destination, prepareTurn, type StreamingRequest } from './requests/prepare-turn.ts';
import { Run, type RunPlace } from './run.ts';
import { createRunId, isRunId, runIdIn } from './run-id.ts';
import { isCutShort } from './run-state.ts';
import { optedIn, type ServerRequest } from './server-request.ts';
import { orRelease, streamReply } from './stream-reply.ts';
import { threadNameOf } from './thread-name.ts';

/** A request and the run that it is to get. */
interface Start<Context> {
  readonly kernel: Kernel<Context>;
  readonly call: StreamingRequest;
  readonly request: ServerRequest;
  readonly context: Context;
  readonly to: Destination;
}

/**
 * What an attempt to answer under a run's id comes to. `again`: the run has to be looked for again, because another
 * machine was asked to start it too, or it is just ending. `other`: the run that has the id does not answer this
 * request, which gets a run of its own.
 */
type Attempt = Reply | 'again' | 'other';

/** How many times to look for a run that another machine was asked to start too and could not begin. */
const maxAttempts = 5;

/** Starts a run, or attaches to the one that has its id. */
export const startRun = async <Context>(
  kernel: Kernel<Context>,
  call: StreamingRequest,
  request: ServerRequest,
  context: Context,
): Promise<Reply> => {
  const chosen = chosenId(request);
  const to = destinationOf(kernel, chosen, call, request, context);
  const start: Start<Context> = { kernel, call, request, context, to };
  if (chosen !== undefined) return startOrAttach(start, chosen);
  // No other machine has been asked to start a run whose id has just been made.
  return (await begin(start, createRunId())) as Reply;
};

/** Starts the run with an id that the client chose, or attaches to the run that has it. */
const startOrAttach = async <Context>(start: Start<Context>, runId: string): Promise<Reply> => {
  const { registry } = start.kernel;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    // No `await` between this look-up and `begin`: of two simultaneous POSTs only one may start the run.
    const run = (await registry.find(runId)) ?? registry.get(runId);
    const reply: Attempt = await (run === undefined ? begin(start, runId) : attachToSame(start, run));
    if (reply === 'other') return startOrAttach(start, runIdIn(start.to.threadId, runId));
    if (reply !== 'again') return reply;
  }
  throw conflict('The run is being started elsewhere.', true);
};

const begin = async <Context>(
  { kernel: { parts, registry, waitUntil }, call, request, context, to }: Start<Context>,
  runId: string,
): Promise<Reply | 'again'> => {
  const isOptedIn = optedIn(request);
  const { threadId } = to;
  const { disconnect } = parts.settings;
  // A client that chose the run's id may ask for it again, even if its answers are plain.
  const resumable = isOptedIn || to.runId !== undefined;
  const { run, ready } = registry.begin(
    { runId, threadId, resumable, userId: parts.userOf(context) },
    call.type,
    () => prepareTurn(parts, call, to, context),
    isOptedIn ? disconnect.resumable : disconnect.plain,
  );
  waitUntil?.(run.settled);
  const hold = new ReaderHold(run, request);
  const place = await orRelease(ready, hold);
  if (place === 'here') {
    return streamReply({ run, hold, settings: parts.settings, streams: registry.streams, resumable: isOptedIn });
  }
  hold.release();
  return 'again';
};

/** Attaches to the run that has the request's id, unless it turns out not to be the run of this request. */
const attachToSame = async <Context>(start: Start<Context>, run: Run | RemoteRun): Promise<Attempt> => {
  // The user's own message for another thread: its first attempt created a thread that its client never heard of.
  if (!(await isSameThread(start, run))) return 'other';
  const { kernel, request } = start;
  const hold = new ReaderHold(run, request);
  const found = await orRelease(findSame(start, run, hold), hold);
  if (found === 'here') return attachTo(kernel, run, undefined, request, hold);
  hold.release();
  return found;
};

/** Whether the run is there to be read (`here`). Waits until it has begun, or cannot. */
const findSame = async <Context>(
  start: Start<Context>,
  run: Run | RemoteRun,
  hold: ReaderHold,
): Promise<'here' | 'again' | 'other'> => {
  const { kernel, request, to } = start;
  // The run of a client that cannot resume ends with its last reader, so this reader must be counted, wherever the run
  // is.
  const isCounted = optedIn(request) || (await kernel.registry.join(run, hold.signal));
  if (!isCounted) return 'again';
  if (isCutOff(run, to, request)) return 'other';
  if ((await whereIs(run, request)) === 'elsewhere') return 'again';
  await assertSameUser(start, run);
  return 'here';
};

const chosenId = (request: ServerRequest): string | undefined => {
  const chosen = request.headers.get('chatkit-run-id');
  if (chosen === null) return undefined;
  if (isRunId(chosen)) return chosen;
  throw new ChatKitError('request.invalid', 'The header ChatKit-Run-Id is not an id.', {
    details: { path: 'ChatKit-Run-Id' },
  });
};

/**
 * The destination of a request. Computed once, because the application's own `generateThreadId` may return a new id
 * each time.
 */
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
  if (call.type !== 'threads.create') return { ...common, threadId: call.params.thread_id };
  const name = threadNameOf(request, runId, parts.userOf(context));
  return { ...common, threadId: parts.generateThreadId(context, name) };
};

/**
 * Whether a plain client repeats the request of a run that was cut short, because its client left or its machine died.
 * A plain client cannot ask for another answer, so it gets one. An opted-in client is sent how the run ended and
 * decides for itself.
 */
const isCutOff = (run: Run | RemoteRun, { isRepeat }: Destination, request: ServerRequest): boolean => {
  if (!isRepeat || optedIn(request)) return false;
  // A run that does not own its log has not begun, or is another machine's.
  return run instanceof Run ? run.ownsLog() && isCutShort(run.state().status) : isCutShort(run.outcome);
};

/**
 * A repeated POST waits until the first one has begun or failed, so that it fails in the same way and finds the thread
 * stored. If a run on another machine could not begin, it has vanished with its error: `elsewhere` makes the caller
 * begin it again, to get the error.
 */
const whereIs = async (run: Run | RemoteRun, request: ServerRequest): Promise<RunPlace> => {
  if (run instanceof Run) return run.opened;
  try {
    return await run.opened(request.signal);
  } catch (error) {
    if (request.signal.aborted) throw new ChatKitError('run.cancelled', 'The client has gone.');
    if (isChatKitError(error, 'run.not_found') || isChatKitError(error, 'log.expired')) return 'elsewhere';
    throw error;
  }
};

/**
 * Whether a run is in the thread that the request is for; throws when the run is another user's. A request for a thread
 * that its user does not have fails at once, exactly as it would without the run: otherwise the answer, or how long it
 * takes, would tell a stranger that a run with this id exists. The thread of a new conversation cannot be checked here,
 * since it may not be stored before the run has begun.
 */
const isSameThread = async <Context>(
  { kernel, call, context, to: { threadId } }: Start<Context>,
  run: Run | RemoteRun,
): Promise<boolean> => {
  if (call.type === 'threads.create') {
    // A run waits only for an existing thread. Unless this request creates that very thread, the run belongs to another
    // request.
    if (kernel.registry.waits(run) && threadId !== run.threadId) throw anotherRequest();
    return true;
  }
  await kernel.parts.store.loadThread(threadId, context);
  if (threadId === run.threadId) return true;
  if ((await threadOf(kernel, run.threadId, context)) === undefined) throw anotherRequest();
  return false;
};

const assertSameUser = async <Context>(
  { kernel, call, context, to }: Start<Context>,
  run: Run | RemoteRun,
): Promise<void> => {
  // For any other request `isSameThread` has checked that the thread is this user's, and the run's.
  if (call.type !== 'threads.create' || (await threadOf(kernel, run.threadId, context)) !== undefined) return;
  // A thread of this name is the user's own.
  if (to.threadId === run.threadId) throw new ChatKitError('thread.not_found', 'The thread has been deleted.');
  throw anotherRequest();
};

const anotherRequest = (): ChatKitError =>
  conflict('The header ChatKit-Run-Id names a run that was started by another request.', false);

const conflict = (message: string, retryable: boolean): ChatKitError =>
  new ChatKitError('run.conflict', message, { retryable, details: { path: 'ChatKit-Run-Id' } });
