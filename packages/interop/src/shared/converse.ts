/** One turn of a foreign conversation: finds its thread, sends what is new in it, and remembers a thread that was made. */
import {
  ChatKitError,
  type ChatKitRequestInput,
  isChatKitError,
  messageText,
  type Page,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { beginThread } from './begin-thread.ts';
import { askServer, type Caller, type ChatKitHandler, callServer } from './chat-kit-handler.ts';
import { createMemoryLinks, type MemoryLinksOptions, type ThreadLinks } from './thread-links.ts';

/** What is new: a message of the user, one that is to be answered anew, or the result of a tool that the client ran. */
export type Said =
  | { readonly kind: 'message'; readonly text: string }
  | { readonly kind: 'message again'; readonly text: string }
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
  caller: Caller,
) => Promise<AsyncIterable<ThreadStreamEvent>>;

export const createConverse = <Context>(
  server: ChatKitHandler<Context>,
  options: ConversationOptions<Context>,
): Converse<Context> => {
  const links = options.links ?? createMemoryLinks(options);
  /** Conversations whose thread is being made here. */
  const beginning = new Map<string, Promise<void>>();
  return async (conversationId, said, context, caller) => {
    const key = JSON.stringify([options.userId?.(context), conversationId]);
    for (;;) {
      const threadId = await links.load(conversationId, context);
      if (threadId !== undefined) {
        try {
          const next =
            said.kind === 'message again'
              ? await retry(server, threadId, said.text, context, caller)
              : continueThread(threadId, said);
          return await callServer(server, next, context, caller);
        } catch (error) {
          // The thread has been deleted: the conversation goes on in a new one.
          if (!isChatKitError(error, 'thread.not_found') || said.kind === 'tool output') throw error;
        }
      }
      const other = beginning.get(key);
      if (other !== undefined) {
        await other;
        continue;
      }
      if (said.kind === 'tool output')
        throw new ChatKitError('thread.not_found', 'No tool was called in this conversation.');
      const { events, over } = beginThread(server, {
        conversationId,
        request: { type: 'threads.create', params: { input: input(said.text) } },
        context,
        caller,
        save: (created) => links.save(conversationId, created, context),
      });
      beginning.set(
        key,
        over.then(() => void beginning.delete(key)),
      );
      return events;
    }
  };
};

const continueThread = (thread_id: string, said: Exclude<Said, { kind: 'message again' }>): ChatKitRequestInput =>
  said.kind === 'message'
    ? { type: 'threads.add_user_message', params: { thread_id, input: input(said.text) } }
    : { type: 'threads.add_client_tool_output', params: { thread_id, result: said.result as never } };

/**
 * The request that has a message answered anew. The client's ids are not the server's, so it is the newest message with this
 * text; when there is none, the text is a message like any other. Everything after it is taken back.
 */
const retry = async <Context>(
  server: ChatKitHandler<Context>,
  thread_id: string,
  text: string,
  context: Context,
  caller: Caller,
): Promise<ChatKitRequestInput> => {
  let page: Page<ThreadItem> | undefined;
  do {
    const params = { thread_id, limit: 50, order: 'desc', after: page?.after } as const;
    page = await askServer<Page<ThreadItem>, Context>(server, { type: 'items.list', params }, context, caller);
    const asked = page.data.find((item) => item.type === 'user_message' && messageText(item) === text);
    if (asked !== undefined) return { type: 'threads.retry_after_item', params: { thread_id, item_id: asked.id } };
  } while (page.has_more);
  return continueThread(thread_id, { kind: 'message', text });
};

const input = (text: string) => ({
  content: [{ type: 'input_text' as const, text }],
  attachments: [],
  inference_options: {},
});
