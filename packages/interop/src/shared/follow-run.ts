/**
 * Reads a run that is in progress, or has ended a short while ago, from its beginning. The server hands long connections
 * over to new ones; these are made here, so the reader sees one stream.
 */
import { compareOffsets, type ThreadStreamEvent } from '@chatkit/core';
import { decodeSse } from '@chatkit/transport';
import { attachToRun, type Caller, type ChatKitHandler } from './chat-kit-handler.ts';

/**
 * The events of a run. Text that was ready at once is one delta, and effects from before this moment are left out, since
 * they have happened. `undefined`: the server has no such run any more. The caller counts as a reader of the run.
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
  for (let body: Attached | undefined = first; body !== undefined; body = await attach(offset)) {
    const from = offset;
    let isHandedOver = false;
    for await (const { id, event, data } of decodeSse(body.body)) {
      offset = id ?? offset;
      if (event === 'end') return;
      if (event === 'reconnect') isHandedOver = true;
      if (data === undefined || event !== undefined) continue;
      const value = JSON.parse(data) as ThreadStreamEvent;
      if (value.type !== 'client_effect' || isNew(id, replayTo)) yield value;
    }
    if (signal.aborted) return;
    // After one that brought nothing and broke off, the next one would be no better.
    if (offset === from && !isHandedOver) throw new Error('The run could not be read to its end.');
  }
}

const isNew = (offset: string | undefined, replayTo: string | undefined): boolean =>
  offset === undefined || replayTo === undefined || compareOffsets(offset, replayTo) > 0;
