/** `createChatKitServer()`: a server made from functions, as an alternative to subclassing `ChatKitServer`. */
import { ChatKitServer, type ChatKitServerOptions } from './chatkit-server.ts';
import { describeValue } from './describe-value.ts';
import type { ServerHooks } from './server-parts.ts';

/** The options of a server together with the methods a subclass would have: `respond`, and any others to override. */
export type CreateChatKitServerOptions<Context> = ChatKitServerOptions<Context> &
  Pick<ServerHooks<Context>, 'respond'> &
  Partial<Omit<ServerHooks<Context>, 'respond'>>;

const hooks = [
  'action',
  'syncAction',
  'addFeedback',
  'transcribe',
  'getStreamOptions',
  'handleStreamCancelled',
  'generateThreadId',
  'generateItemId',
] as const satisfies readonly Exclude<keyof ServerHooks<unknown>, 'respond'>[];

/**
 * Creates a server. Throws a `TypeError` for invalid options.
 *
 * @example
 * const server = createChatKitServer({
 *   store: createMemoryStore(),
 *   async *respond(thread, input, context, run) {
 *     yield itemDone(assistantMessage({ thread_id: thread.id, text: 'Hello' }));
 *   },
 * });
 * export const POST = (request: Request) => server.handle(request, { userId: 'ada' });
 */
export const createChatKitServer = <Context = unknown>(
  options: CreateChatKitServerOptions<Context>,
): ChatKitServer<Context> => {
  if (typeof options?.respond !== 'function') {
    throw new TypeError(
      `respond must be a function, \`async *respond(thread, input) { … }\`, not ${describeValue(options?.respond)}.`,
    );
  }
  class Server extends ChatKitServer<Context> {
    override respond = options.respond;
  }
  const server = new Server(options);
  for (const name of hooks) if (options[name] !== undefined) Object.assign(server, { [name]: options[name] });
  return server;
};
