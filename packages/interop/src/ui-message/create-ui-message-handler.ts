/** A ChatKit server as the endpoint of the AI SDK's chat transport. */
import { ChatKitError, type ThreadItem } from '@chatkit/core';
import type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
import { type ConversationOptions, createConversations, type Said } from '../shared/converse.ts';
import { answerForeign, answerWhole } from '../shared/foreign-request.ts';
import { idInHistory } from '../shared/id-in-history.ts';
import { toUiMessageChunks } from './to-ui-message-chunks.ts';
import { itemsByMessage, toUiMessages } from './to-ui-messages.ts';

/** A file of a message, as the page sent it. */
export interface UiFile {
  readonly mediaType: string;
  readonly filename?: string | undefined;
  /** Usually a `data:` URL with the bytes. */
  readonly url: string;
}

export interface UiMessageHandlerOptions<Context> extends ConversationOptions<Context> {
  /**
   * Takes a file of a message: saves an attachment in your store, and returns its id. It may be asked again for the
   * same file. Check what you are given; a page may send any URL. Default: a message with files is refused
   * (`attachment.unsupported`).
   */
  attach?: ((file: UiFile, context: Context) => string | Promise<string>) | undefined;
  /**
   * What `metadata` of a message is in the page, such as its time, its model or its tokens. Asked with the items that the
   * message is made of: while an answer streams with its first, at its end with all, and when a page is loaded again, then
   * for the user's messages, too. `useChat` merges what it is told of one message. What it throws ends the answer.
   * Default: none.
   */
  messageMetadata?: ((items: readonly ThreadItem[], context: Context) => unknown) | undefined;
}

/**
 * Answers the requests of `DefaultChatTransport` with a UI message stream, so that `useChat` talks to a ChatKit server.
 * The history is the server's: of the messages in the request only the last is sent on, a user's text or the outputs of
 * tools that the client ran; a tool that failed is answered with `{ error }`. `regenerate()` has the message answered
 * anew, an edit has it answered in its new words; both take back what came after it. A client that disconnects stops the
 * run. A GET with `?id=<chat id>` is answered with what was said, as JSON: the `messages` that `useChat` begins with.
 *
 * @example
 * const handleChat = createUiMessageHandler(server, { userOf: (user) => user.id });
 * // on the client: useChat({ transport: new DefaultChatTransport({ api: '/api/chat' }) })
 * const response = await handleChat(request, user);
 */
export const createUiMessageHandler = <Context>(
  server: ChatKitHandler<Context>,
  options: UiMessageHandlerOptions<Context> = {},
): ((request: Request, context: Context) => Promise<Response>) => {
  const { converse, read } = createConversations(server, options);
  return (request, context) => {
    const metadataOf =
      options.messageMetadata && ((items: readonly ThreadItem[]) => options.messageMetadata?.(items, context));
    if (request.method === 'GET') {
      const { pathname, searchParams } = new URL(request.url);
      // What a page with `resume` asks when it is loaded. A run ends with its last reader, so none goes on.
      if (pathname.endsWith('/stream')) return Promise.resolve(new Response(null, { status: 204 }));
      return answerWhole(request, async (caller) => {
        const id = searchParams.get('id');
        if (id === null) throw new ChatKitError('request.invalid', 'A GET names a conversation: ?id=.');
        return toUiMessages(await read(id, context, caller), metadataOf);
      });
    }
    return answerForeign(request, options.maxBodyBytes, async (input, caller) => {
      const { id, said } = readInput(input, (files) => {
        const { attach } = options;
        if (attach === undefined)
          throw new ChatKitError(
            'attachment.unsupported',
            'Files in messages are not taken here: there is no `attach`.',
          );
        return () => Promise.all(files.map((file) => attach(file, context)));
      });
      const events = await converse(id, said, context, caller);
      const continues = said.kind === 'tool outputs';
      // Here the run is the end of a message, of which the thread has the beginning.
      const ofWhole = async (items: readonly ThreadItem[]) => {
        const last = items.at(-1)?.id;
        const messages = itemsByMessage(await read(id, context, caller));
        return metadataOf?.(messages.find((own) => own.some((item) => item.id === last)) ?? items);
      };
      const messageMetadata = continues && metadataOf ? ofWhole : metadataOf;
      return {
        data: asJson(toUiMessageChunks(events, { continues, messageMetadata })),
        headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
      };
    });
  };
};

async function* asJson(chunks: ReturnType<typeof toUiMessageChunks>): AsyncGenerator<string, void, undefined> {
  for await (const chunk of chunks) yield JSON.stringify(chunk);
  yield '[DONE]';
}

interface MessagePart {
  readonly type?: unknown;
  readonly toolCallId?: unknown;
  readonly text?: unknown;
  readonly state?: unknown;
  readonly output?: unknown;
  readonly errorText?: unknown;
  readonly mediaType?: unknown;
  readonly filename?: unknown;
  readonly url?: unknown;
}

const readInput = (
  input: unknown,
  attachAll: (files: readonly UiFile[]) => () => Promise<string[]>,
): { id: string; said: Said } => {
  const { id, messages, trigger, messageId } = (input ?? {}) as Record<string, unknown>;
  if (typeof id !== 'string' || !Array.isArray(messages)) {
    throw new ChatKitError('request.invalid', 'id and messages are required.');
  }
  const last = messages.at(-1) as { id?: unknown; role?: unknown; parts?: unknown } | undefined;
  const ownId = idInHistory(messages);
  const parts: readonly MessagePart[] = Array.isArray(last?.parts) ? last.parts.filter((part) => part !== null) : [];
  if (last?.role === 'user') {
    const text = parts.map((part) => (part.type === 'text' && typeof part.text === 'string' ? part.text : '')).join('');
    const files = parts.flatMap(fileIn);
    const attach = files.length === 0 ? undefined : attachAll(files);
    const isRegenerated = trigger === 'regenerate-message';
    // A message that takes the place of an earlier one is named beside the messages.
    const isEdited = ownId !== undefined && messageId === last.id;
    if (isRegenerated || isEdited)
      return { id, said: { kind: isRegenerated ? 'message again' : 'message edited', text, id: ownId, attach } };
    return { id, said: { kind: 'message', text, id: ownId, request: '', attach } };
  }
  const outputs = parts
    .filter(({ state }) => state === 'output-available' || state === 'output-error')
    .map((part) => ({
      callId: part.toolCallId,
      result: resultOf(part),
      // Models number their calls anew in each answer, some of them.
      id: ownId && JSON.stringify([ownId, parts.length, part.toolCallId]),
    }));
  if (outputs.length > 0) return { id, said: { kind: 'tool outputs', outputs } };
  throw new ChatKitError('request.invalid', 'The last message must be of the user, or hold the output of a tool.');
};

const fileIn = ({ type, mediaType, filename, url }: MessagePart): UiFile[] =>
  type === 'file' && typeof url === 'string'
    ? [{ mediaType: String(mediaType), filename: typeof filename === 'string' ? filename : undefined, url }]
    : [];

/**
 * A tool that returned nothing has the result `null`: JSON knows no `undefined`. A failure is told as `@chatkit/client`
 * tells it.
 */
const resultOf = ({ state, output, errorText }: MessagePart): unknown =>
  state === 'output-error' ? { error: errorText ?? 'The tool failed.' } : (output ?? null);
