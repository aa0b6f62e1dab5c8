/**
 * Reads a request's body within limits. Its media type must be JSON (a form on another site cannot send that without a
 * preflight); `maxBodyBytes` is enforced while it arrives, and `maxDepth` before anything is parsed into objects.
 */
import { ChatKitError, type ChatKitRequest } from '@chatkit/core';
import { parseRequest } from '@chatkit/core/schema';
import type { ServerRequest } from './server-request.ts';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly maxDepth: number;
}

/** Reads and parses a request. Throws a `ChatKitError` with a `request.*` code. */
export const readRequest = async (request: ServerRequest, limits: BodyLimits): Promise<ChatKitRequest> => {
  assertJson(request.headers);
  const parsed = parseRequest(await readText(request, limits.maxBodyBytes), { maxDepth: limits.maxDepth });
  if (parsed.ok) return parsed.request;
  throw new ChatKitError(parsed.code, parsed.message, parsed.path === '' ? {} : { details: { path: parsed.path } });
};

const assertJson = (headers: ServerRequest['headers']): void => {
  const type = headers.get('content-type') ?? '';
  if (!/^application\/json[ \t]*(;|$)/i.test(type)) {
    throw new ChatKitError('request.unsupported_media_type', 'The content type must be application/json.');
  }
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new ChatKitError('request.unsupported_media_type', 'The body must not be compressed.');
  }
};

const readText = async (request: ServerRequest, maxBodyBytes: number): Promise<string> => {
  if (Number(request.headers.get('content-length')) > maxBodyBytes) throw tooLarge(maxBodyBytes);
  const body = bodyOf(request);
  if (body === null) return '';
  const chunks = chunksOf(body);
  const read: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await chunks.next();
      if (done === true) return utf8.decode(joined(read, length));
      length += value.byteLength;
      if (length > maxBodyBytes) throw tooLarge(maxBodyBytes);
      read.push(value);
    }
  } catch (cause) {
    chunks.leave();
    if (cause instanceof ChatKitError) throw cause;
    throw new ChatKitError('request.invalid_json', 'The body is not UTF-8, or was cut off.', { cause });
  }
};

/** Firefox has no `Request.body`: a server that runs in its pages or service workers reads the body in one piece. */
const bodyOf = (request: ServerRequest): ServerRequest['body'] => {
  const { body, arrayBuffer } = request as Partial<Request>;
  return body === undefined && arrayBuffer !== undefined ? wholeBody(request as Request) : request.body;
};

async function* wholeBody(request: Request): AsyncGenerator<Uint8Array, void, undefined> {
  yield new Uint8Array(await request.arrayBuffer());
}

/** One decoder for all requests, which works because it only gets whole texts; making one is expensive. */
const utf8 = new TextDecoder('utf-8', { fatal: true });

const joined = (chunks: readonly Uint8Array[], length: number): Uint8Array => {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
};

interface Chunks {
  next(): Promise<
    { readonly done: true; readonly value?: unknown } | { readonly done?: false; readonly value: Uint8Array }
  >;
  /** Stops reading. Not awaited: the source may be waiting for a chunk that never comes. */
  leave(): void;
}

/** A web stream is read through its reader, because not every runtime has its async iterator. */
const chunksOf = (body: NonNullable<ServerRequest['body']>): Chunks => {
  if ('getReader' in body) {
    if (body.locked) {
      throw new TypeError(
        'The body of the request has already been read: pass it on before anything reads it, or pass a `request.clone()`.',
      );
    }
    const reader = body.getReader();
    return {
      next: () => reader.read(),
      leave: () => void reader.cancel().catch(() => {}),
    };
  }
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: () => iterator.next(),
    leave: () => void iterator.return?.().catch(() => {}),
  };
};

const tooLarge = (maxBodyBytes: number): ChatKitError =>
  new ChatKitError('request.too_large', `The body is larger than ${maxBodyBytes} bytes.`, {
    details: { maxBodyBytes },
  });
