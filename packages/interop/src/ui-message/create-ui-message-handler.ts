/** `createUiMessageHandler()`: serves a ChatKit server as the endpoint of the AI SDK's chat transport. */
import { ChatKitError, type ThreadItem } from '@chatkit/core';
import type { ChatKitHandler } from '../shared/chat-kit-handler.ts';
import { type ConversationOptions, createConversations, type Said } from '../shared/converse.ts';
import { answerForeign, answerWhole, type ForeignAnswer, isName, readJson } from '../shared/foreign-request.ts';
import { idsInHistory } from '../shared/id-in-history.ts';
import { callIdOf } from '../shared/tool-outputs.ts';
import { rebuildMessage } from './rebuild-message.ts';
import { firstItemOf, toUiMessageChunks, type UiMessageChunk } from './to-ui-message-chunks.ts';
import { itemsByMessage, toUiMessages } from './to-ui-messages.ts';

/** A file in a message, as the page sent it. */
export interface UiFile {
  readonly mediaType: string;
  readonly filename?: string | undefined;
  /** Usually a `data:` URL with the bytes. */
  readonly url: string;
}

export interface UiMessageHandlerOptions<Context> extends ConversationOptions<Context> {
  /**
   * Handles a file in a message: save an attachment in your store and return its id. It may be called again for the
   * same file. Validate the file, because a page may send any URL. Default: a message with files is refused
   * (`attachment.unsupported`).
   */
  attach?: ((file: UiFile, context: Context) => string | Promise<string>) | undefined;
  /**
   * What `metadata` of a message is in the page, such as its time, its model or its tokens. Asked with the items that
   * the message is made of: while an answer streams with its first, at its end with all, and when a page is loaded
   * again, then for the user's messages, too. `useChat` merges what it is told of one message. What it throws ends the
   * answer. Default: none.
   */
  messageMetadata?: ((items: readonly ThreadItem[], context: Context) => unknown) | undefined;
  /**
   * How long a client that has disconnected may take to come back, in milliseconds, before its run is stopped:
   * the time that a page takes to be reloaded, or a network to be found again. A stop of `useChat` is a disconnect,
   * too: have the page send the `stop` request as well. `Infinity`: a run is never stopped by leaving. Default 0.
   */
  graceMs?: number | undefined;
}

/**
 * Answers the requests of `DefaultChatTransport` with a UI message stream, so that `useChat` can talk to a ChatKit
 * server. Mount it at the transport's `api` and everything below it:
 *
 * - `POST /api/chat`: a turn. The server keeps the history: of the messages in the request only the last is sent on, a
 *   user's text or the outputs of tools that the client ran; a failed tool has the output `{ error }`. `regenerate()`
 *   has the message answered again, and an edit has it answered with its new text; both delete what came after it.
 * - `GET /api/chat?id=<chat id>`: the history as JSON, which is the initial `messages` of `useChat`.
 * - `GET /api/chat/<chat id>/stream`: the answer in progress, from its beginning; 204 if there is none. That is what
 *   `useChat({ resume: true })` asks for.
 * - `POST /api/chat/<chat id>/stop`, with JSON as the body: stops that answer. It has ended when the response, a 204,
 *   arrives.
 *
 * Of the path only the end is read. A chat of another user, or of nobody, has an empty history and nothing in progress.
 * When the last client of an answer disconnects, its run is stopped `graceMs` later.
 *
 * @example
 * const handleChat = createUiMessageHandler(server, { userOf: (user) => user.id, graceMs: 30_000 });
 * // on the client: useChat({ transport: new DefaultChatTransport({ api: '/api/chat' }), resume: true })
 * const response = await handleChat(request, user);
 */
export const createUiMessageHandler = <Context>(
  server: ChatKitHandler<Context>,
  options: UiMessageHandlerOptions<Context> = {},
): ((request: Request, context: Context) => Promise<Response>) => {
  const { attach, clock, maxBodyBytes } = options;
  const { converse, read, readRunning, resume, stop } = createConversations(server, options, options.graceMs);
  return (request, context) => {
    const metadataOf =
      options.messageMetadata && ((items: readonly ThreadItem[]) => options.messageMetadata?.(items, context));
    const target = targetOf(request);
    switch (target.kind) {
      case 'history':
        return answerWhole(request, async (caller) => {
          if (target.id === null) throw new ChatKitError('request.invalid', 'A GET must name a conversation: ?id=….');
          const { items, found } = await readRunning(target.id, firstItemOf, context, caller);
          return toUiMessages(items, { messageMetadata: metadataOf, begunWith: found });
        });
      case 'stop':
        return answerWhole(request, async (caller) => {
          // For its checks: a form on another site could stop an answer.
          await readJson(request, maxBodyBytes);
          await stop(target.id, context, caller);
        });
      case 'stream':
        return answerForeign(request, clock, async (caller) => {
          const resumed = await resume(target.id, context, caller);
          if (resumed === undefined) return undefined;
          const { events, itemsSoFar } = resumed;
          return streamOf(rebuildMessage(events, { itemsSoFar, messageMetadata: metadataOf }));
        });
      case 'turn':
        return answerForeign(request, clock, async (caller) => {
          const { id, said } = readInput(await readJson(request, maxBodyBytes), (files) => {
            if (attach === undefined)
              throw new ChatKitError(
                'attachment.unsupported',
                'Files in messages are not accepted: the handler has no `attach` option.',
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
          return streamOf(toUiMessageChunks(events, { continues, messageMetadata }));
        });
    }
  };
};

/** What a request is for. */
type Target =
  | { readonly kind: 'turn' }
  | { readonly kind: 'history'; readonly id: string | null }
  | { readonly kind: 'stream' | 'stop'; readonly id: string };

/** Any other request counts as a turn, and is refused as one. */
const targetOf = ({ method, url }: Request): Target => {
  const { pathname, searchParams } = new URL(url);
  const [kind, segment = ''] = pathname.split('/').reverse();
  const id = searchParams.get('id');
  if ((kind === 'stream' && method === 'GET') || (kind === 'stop' && method === 'POST'))
    return { kind, id: id ?? decoded(segment) };
  return method === 'GET' ? { kind: 'history', id } : { kind: 'turn' };
};

const decoded = (segment: string): string => {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
};

const streamOf = (chunks: AsyncIterable<UiMessageChunk>): ForeignAnswer => ({
  data: asJson(chunks),
  headers: { 'x-vercel-ai-ui-message-stream': 'v1' },
});

async function* asJson(chunks: AsyncIterable<UiMessageChunk>): AsyncGenerator<string, void, undefined> {
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
  if (!isName(id) || !Array.isArray(messages)) {
    throw new ChatKitError('request.invalid', 'id and messages are required. An id has 1,000 characters at most.');
  }
  const last = messages.at(-1) as { id?: unknown; role?: unknown; parts?: unknown } | undefined;
  const ownId = idsInHistory(messages).at(-1);
  const parts: readonly MessagePart[] = Array.isArray(last?.parts) ? last.parts.filter((part) => part !== null) : [];
  if (last?.role === 'user') {
    const text = parts.map((part) => (part.type === 'text' && typeof part.text === 'string' ? part.text : '')).join('');
    const files = parts.flatMap(fileIn);
    if (files.length > maxFiles) throw new ChatKitError('request.invalid', `A message has ${maxFiles} files at most.`);
    const attach = files.length === 0 ? undefined : attachAll(files);
    const isRegenerated = trigger === 'regenerate-message';
    // For an edited message, `messageId` names the message that it replaces.
    const isEdited = ownId !== undefined && messageId === last.id;
    if (isRegenerated || isEdited)
      return { id, said: { kind: isRegenerated ? 'message again' : 'message edited', text, id: ownId, attach } };
    return { id, said: { kind: 'message', text, id: ownId, request: '', attach } };
  }
  const outputs = parts
    .filter(({ state }) => state === 'output-available' || state === 'output-error')
    .map((part) => ({
      callId: callIdOf(part.toolCallId),
      result: resultOf(part),
      // Some models restart the numbering of their calls in each answer, so the call id alone is not unique.
      id: ownId === undefined ? undefined : [ownId, parts.length, callIdOf(part.toolCallId)],
    }));
  if (outputs.length > 0) return { id, said: { kind: 'tool outputs', outputs } };
  throw new ChatKitError('request.invalid', 'The last message must be from the user, or contain the output of a tool.');
};

/** As many as the server takes of attachments. It is asked only when the application has made them all. */
const maxFiles = 1_000;

const fileIn = ({ type, mediaType, filename, url }: MessagePart): UiFile[] =>
  type === 'file' && typeof url === 'string'
    ? [{ mediaType: String(mediaType), filename: typeof filename === 'string' ? filename : undefined, url }]
    : [];

/**
 * The output of a tool; `null` if it returned nothing, because JSON has no `undefined`. A failure is reported as
 * `@chatkit/client` does.
 */
const resultOf = ({ state, output, errorText }: MessagePart): unknown =>
  state === 'output-error' ? { error: errorText ?? 'The tool failed.' } : (output ?? null);
