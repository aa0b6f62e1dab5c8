/**
 * Reads a run that is in progress, or has ended a short while ago, from its beginning. The server hands long connections
 * over to new ones; these are made here, so the reader sees one stream.
 */
import { compareOffsets, type ErrorEvent, type RunOutcome, type ThreadStreamEvent } from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';
import { attachToRun, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';

/**
 * The events of a run. Text that was ready at once is one delta, and effects from before this moment are left out, since
 * they have happened. A run whose server went away ends with an `error` event. `undefined`: the server has no such run
 * any more. The caller counts as a reader of the run.
 */
export const followRun = async <Context>(
  server: ChatKitHandler<Context>,
  runId: string,
  context: Context,
  caller: Caller,
): Promise<AsyncIterable<ThreadStreamEvent> | undefined> => {
  const attach = (after?: string) => attachToRun(server, runId, after, context, caller);
  const first = await attach();
  return first && readAll(first, attach, caller.signal);
};

type Attached = NonNullable<Awaited<ReturnType<typeof attachToRun>>>;

async function* readAll(
  first: Attached,
  attach: (after?: string) => Promise<Attached | undefined>,
  signal: AbortSignal,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  const { replayTo } = first;
  let offset: string | undefined;
  let isErrorSaid = false;
  for (let body: Attached | undefined = first; body !== undefined; body = await attach(offset)) {
    const from = offset;
    let isHandedOver = false;
    for await (const { id, event, data } of decodeSse(body.body)) {
      offset = id ?? offset;
      if (event === 'end') {
        const { outcome } = JSON.parse(data ?? '{}') as { outcome?: RunOutcome };
        // A run that was waiting for its thread when its machine died says only how it ended.
        if (outcome === 'interrupted' && !isErrorSaid) yield interrupted;
        return;
      }
      if (event === 'reconnect') isHandedOver = true;
      if (data === undefined || event !== undefined) continue;
      const value = JSON.parse(data) as ThreadStreamEvent;
      isErrorSaid ||= value.type === 'error';
      if (value.type !== 'client_effect' || isNew(id, replayTo)) yield value;
    }
    if (signal.aborted) return;
    // After one that brought nothing and broke off, the next one would be no better.
    if (offset === from && !isHandedOver) throw new Error('The run could not be read to its end.');
  }
  // It is gone, and has not said how it ended.
  yield interrupted;
}

const interrupted: ErrorEvent = {
  type: 'error',
  code: 'run.interrupted',
  message: 'The answer was interrupted.',
  allow_retry: true,
};

/** Whether an event says that its run's server went away. */
export const isInterruption = (event: ThreadStreamEvent): boolean =>
  event.type === 'error' && event.code === interrupted.code;

const isNew = (offset: string | undefined, replayTo: string | undefined): boolean =>
  offset === undefined || replayTo === undefined || compareOffsets(offset, replayTo) > 0;
