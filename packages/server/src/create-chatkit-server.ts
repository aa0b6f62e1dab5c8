/** `createChatKitServer()`: a server made from functions, as an alternative to subclassing `ChatKitServer`. */
import { assertHooks } from './assert-options.ts';
import { ChatKitServer, type ChatKitServerOptions } from './chatkit-server.ts';
import { describeValue } from './describe-value.ts';
import type { ServerHooks } from './server-parts.ts';

/** The options of a server together with the methods a subclass would have: `respond`, and any others to override. */
export type CreateChatKitServerOptions<Context> = ChatKitServerOptions<Context> &
  Pick<ServerHooks<Context>, 'respond'> &
  Partial<Omit<ServerHooks<Context>, 'respond'>>;

/** A record, so that a hook that is missing here is an error of its types. */
const hooks: Readonly<Record<Exclude<keyof ServerHooks<unknown>, 'respond'>, true>> = {
  action: true,
  syncAction: true,
  addFeedback: true,
  transcribe: true,
  getStreamOptions: true,
  handleStreamCancelled: true,
  generateThreadId: true,
  generateItemId: true,
};
const hookNames = Object.keys(hooks) as (keyof typeof hooks)[];

/**
 * Creates a server. Throws a `TypeError` for invalid options, and for a name that is none of them.
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
  assertHooks(options, ['respond', ...hookNames]);
  class Server extends ChatKitServer<Context> {
    override respond = options.respond;
  }
  const server = new Server(options);
  for (const name of hookNames) if (options[name] !== undefined) Object.assign(server, { [name]: options[name] });
  return server;
};
