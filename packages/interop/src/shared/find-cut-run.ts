/**
 * Finds a run that was cut short because its machine died. The process that remembered its client has died as well, so
 * the run is found by the user's last message: the run that first answers a message has the digits of the message's id.
 * Runs that answered it again, or went on after a tool, are not found: nothing that is stored names them.
 */
import type { ThreadStreamEvent } from '@chatkit/core';
import type { Caller, ChatKitHandler } from './chat-kit-handler.ts';
import { followRun, isInterruption } from './follow-run.ts';
import { itemPages } from './item-pages.ts';

/** The id of the run whose cut answer the thread ends with; `undefined` if it ends with anything else. */
export const findCutRun = async <Context>(
  server: ChatKitHandler<Context>,
  threadId: string,
  context: Context,
  caller: Caller,
): Promise<string | undefined> => {
  const { newest, messageId } = await endOf(server, threadId, context, caller);
  const digits = /_([0-9a-f]{24})$/.exec(messageId ?? '')?.[1];
  if (digits === undefined) return undefined;
  const runId = `run_${digits}`;
  const events = await followRun(server, runId, context, caller);
  if (events === undefined) return undefined;
  const { isCut, items } = await summaryOf(events);
  // The message may have been answered again since, which deletes the answer that was cut.
  return isCut && (newest === messageId || items.has(newest ?? '')) ? runId : undefined;
};

/** The ids of a thread's newest item and of the user's last message. */
const endOf = async <Context>(
  server: ChatKitHandler<Context>,
  threadId: string,
  context: Context,
  caller: Caller,
): Promise<{ newest?: string | undefined; messageId?: string | undefined }> => {
  let newest: string | undefined;
  for await (const page of itemPages(server, threadId, 'desc', context, caller)) {
    newest ??= page[0]?.id;
    const messageId = page.find(({ type }) => type === 'user_message')?.id;
    if (messageId !== undefined) return { newest, messageId };
  }
  return {};
};

const summaryOf = async (events: AsyncIterable<ThreadStreamEvent>): Promise<{ isCut: boolean; items: Set<string> }> => {
  const items = new Set<string>();
  let isCut = false;
  for await (const event of events) {
    if ('item' in event) items.add(event.item.id);
    isCut ||= isInterruption(event);
  }
  return { isCut, items };
};
