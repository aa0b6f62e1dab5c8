/**
 * Routes one request to its handler and returns the reply. Whatever can be refused is refused here or in the handlers'
 * checks, before anything is stored, as JSON with an error status. After that, errors are events on the stream.
 */
import { ChatKitError, type ChatKitRequest, isStreamingRequest } from '@chatkit/core';
import type { Reply } from '@chatkit/transport';
import { attach, cancelRun, threadOf } from './attach.ts';
import { assertHost, assertOrigin, corsHeaders, preflight } from './cors.ts';
import { errorReply, isPublicError, jsonHeaders } from './error-reply.ts';
import { readRequest } from './read-request.ts';
import { answerJson } from './requests/answer-json.ts';
import type { StreamingRequest } from './requests/prepare-turn.ts';
import type { RunRegistry } from './run-registry.ts';
import type { ServerParts } from './server-parts.ts';
import { isServerRequest, noRequest, optedIn, type ServerRequest } from './server-request.ts';
import { startRun } from './start-run.ts';
import { threadNameOf } from './thread-name.ts';
import { isGivenUp } from './time-limit.ts';

/** What a handler needs to answer a request. */
export interface Kernel<Context> {
  readonly parts: ServerParts<Context>;
  readonly registry: RunRegistry;
  /** Keeps the runtime alive for a run whose request has ended. */
  readonly waitUntil?: ((work: Promise<unknown>) => void) | undefined;
}

/** Answers a request. Never rejects. */
export const replyTo = async <Context>(
  kernel: Kernel<Context>,
  request: ServerRequest,
  signIn: () => Context | Promise<Context>,
): Promise<Reply> => {
  const { settings } = kernel.parts;
  const seen: { type?: string } = {};
  let reply: Reply;
  if (!isServerRequest(request)) {
    settings.onError(noRequest(request), {});
    return errorReply(undefined);
  }
  try {
    assertHost(settings, request);
    assertOrigin(settings, request);
    reply = await route(kernel, request, signIn, seen);
  } catch (error) {
    // The client may be told, and whoever runs the server must be.
    if (!isPublicError(error) || isGivenUp(error)) settings.onError(error, { requestType: seen.type });
    reply = errorReply(error);
  }
  return { ...reply, headers: { ...reply.headers, ...resourcePolicy, ...corsHeaders(settings, request) } };
};

/** Keeps pages of other sites from loading a response as an image or a script. It does not affect CORS requests. */
const resourcePolicy = { 'cross-origin-resource-policy': 'same-origin' };

const route = async <Context>(
  kernel: Kernel<Context>,
  request: ServerRequest,
  signIn: () => Context | Promise<Context>,
  seen: { type?: string },
): Promise<Reply> => {
  const { settings } = kernel.parts;
  if (request.method === 'OPTIONS' && settings.allowedOrigins !== undefined) return preflight(request);
  if (request.method !== 'POST' && request.method !== 'GET')
    throw new ChatKitError('request.method_not_allowed', wrongMethod(request));
  const context = await signIn();
  if (request.method === 'GET') return attach(kernel, request, context);
  const call = await readRequest(request, settings);
  seen.type = call.type;
  if (isStreamingRequest(call)) return startRun(kernel, call, request, context);
  return answer(kernel, call, request, context);
};

const wrongMethod = ({ method }: ServerRequest): string =>
  method === 'OPTIONS'
    ? 'Pages of other origins may not call this server: it has no allowedOrigins.'
    : 'Use POST, or GET to attach to a run.';

const answer = async <Context>(
  kernel: Kernel<Context>,
  call: Exclude<ChatKitRequest, StreamingRequest>,
  request: ServerRequest,
  context: Context,
): Promise<Reply> => {
  const { parts, registry } = kernel;
  if (call.type === 'runs.cancel') return json(await cancelRun(kernel, call.params.run_id, context));
  if (call.type === 'threads.delete') {
    const { thread_id } = call.params;
    // Only the thread's owner may stop what goes on in it. Looked up even when no run is in progress: one may begin at
    // any moment, and the time to refuse must not reveal whether one is.
    if ((await threadOf(kernel, thread_id, context)) === undefined) return json({});
    return json(await registry.exclusively(thread_id, () => answerJson(parts, call, context)));
  }
  if (call.type !== 'threads.get_by_id') return json(await answerJson(parts, call, context));
  const thread_id = conversationThread(parts, request, context) ?? call.params.thread_id;
  const body = await answerJson(parts, { ...call, params: { thread_id } }, context);
  if (!optedIn(request)) return json(body);
  const active = await registry.activeIn(thread_id);
  return json(body, active === undefined ? {} : { 'chatkit-active-run': active });
};

/** The id of the thread that the header `ChatKit-Conversation` names, whether the thread exists or not. */
const conversationThread = <Context>(
  parts: ServerParts<Context>,
  request: ServerRequest,
  context: Context,
): string | undefined => {
  const name = threadNameOf(request, undefined, parts.userOf(context));
  return name === undefined ? undefined : parts.generateThreadId(context, name);
};

const json = (body: unknown, headers: Record<string, string> = {}): Reply => ({
  status: 200,
  headers: { ...jsonHeaders, ...headers },
  body: JSON.stringify(body),
});
