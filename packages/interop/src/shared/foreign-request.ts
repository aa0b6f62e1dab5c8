/** Reads the request of a foreign front end, and answers what cannot be read. */
import { ChatKitError, isChatKitError } from '@chatkit/core';

/** The largest body that is read. */
const maxBodyBytes = 1024 * 1024;

/** The JSON of a POST. Throws a `ChatKitError` that names what is wrong. */
export const readJson = async (request: Request): Promise<unknown> => {
  if (request.method !== 'POST') throw new ChatKitError('request.method_not_allowed', 'Use POST.');
  // Any other type could be sent by a form of another site.
  if (!/^application\/json\b/i.test(request.headers.get('content-type') ?? '')) {
    throw new ChatKitError('request.unsupported_media_type', 'The body must be application/json.');
  }
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of request.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxBodyBytes)
      throw new ChatKitError('request.too_large', `The body is over ${maxBodyBytes} bytes.`);
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch (cause) {
    throw new ChatKitError('request.invalid_json', 'The body is not JSON.', { cause });
  }
};

const statusOf: Partial<Record<ChatKitError['code'], number>> = {
  'request.method_not_allowed': 405,
  'request.unsupported_media_type': 415,
  'request.too_large': 413,
  'thread.not_found': 404,
  'thread.busy': 409,
  'thread.locked': 409,
  'thread.closed': 409,
};

/** An error as an answer. What is not ours to tell is an internal error. */
export const errorResponse = (error: unknown): Response => {
  const known = isChatKitError(error) ? error : new ChatKitError('internal', 'The server failed.', { retryable: true });
  const { code, message, retryable } = known;
  const status = statusOf[code] ?? (code === 'internal' ? 500 : 400);
  return Response.json({ error: { code, message, retryable } }, { status });
};
