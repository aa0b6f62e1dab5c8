/** One turn of a foreign conversation: finds its thread, sends what is new in it, and remembers a thread that was made. */
import { ChatKitError, type ChatKitRequestInput, isChatKitError, type ThreadStreamEvent } from '@chatkit/core';
import { type ChatKitHandler, callServer } from './chat-kit-handler.ts';
import { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from './thread-links.ts';

/** What is new: a message of the user, or the result of a tool that the client ran. */
export type Said =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'tool output'; readonly result: unknown };

export interface ConversationOptions<Context> extends MemoryLinksOptions<Context> {
  /** Where threads of conversations are remembered. Default: in memory. */
  links?: ThreadLinks<Context> | undefined;
}

/** Asks the server for one turn. */
export type Converse<Context> = (
  conversationId: string,
  said: Said,
  context: Context,
  signal: AbortSignal,
) => Promise<AsyncIterable<ThreadStreamEvent>>;

export const createConverse = <Context>(
  server: ChatKitHandler<Context>,
  options: ConversationOptions<Context>,
): Converse<Context> => {
  const links = options.links ?? createMemoryLinks(options);
  return async (conversationId, said, context, signal) => {
    const threadId = await links.load(conversationId, context);
    if (threadId !== undefined) {
      try {
        return await callServer(server, continueThread(threadId, said), context, signal);
      } catch (error) {
        // The thread has been deleted: the conversation goes on in a new one.
        if (!isChatKitError(error, 'thread.not_found') || said.kind !== 'message') throw error;
      }
    }
    if (said.kind !== 'message') throw new ChatKitError('thread.not_found', 'No tool was called in this conversation.');
    const events = await callServer(
      server,
      { type: 'threads.create', params: { input: input(said.text) } },
      context,
      signal,
    );
    return remembering(events, (created) => links.save(conversationId, created, context));
  };
};

const continueThread = (thread_id: string, said: Said): ChatKitRequestInput =>
  said.kind === 'message'
    ? { type: 'threads.add_user_message', params: { thread_id, input: input(said.text) } }
    : { type: 'threads.add_client_tool_output', params: { thread_id, result: said.result as never } };

const input = (text: string) => ({
  content: [{ type: 'input_text' as const, text }],
  attachments: [],
  inference_options: {},
});

async function* remembering(
  events: AsyncIterable<ThreadStreamEvent>,
  save: (threadId: string) => Promise<void>,
): AsyncGenerator<ThreadStreamEvent, void, undefined> {
  for await (const event of events) {
    if (event.type === 'thread.created') await save(event.thread.id);
    yield event;
  }
}
