// Frames over HTTP: server-sent events and NDJSON, encoded, decoded and served. `/node` writes them to Node, `/ws` to sockets.

// Server-sent events.

export {
  createSseDecoder,
  type DecodeOptions,
  decodeSse,
  type SseDecoder,
} from './decode-sse.ts';
export { encodeSse, type SseFrame } from './encode-sse.ts';

// Server-sent events of JSON that differ in one string: the same, faster.

export { createDeltaEncoder, type DeltaEncoder, type DeltaEncoderOptions } from './create-delta-encoder.ts';
export {
  createSseJsonDecoder,
  type DecodeSseJsonOptions,
  decodeSseJson,
  type SseJsonDecoder,
  type SseJsonFrame,
} from './decode-sse-json.ts';

// NDJSON.

export { decodeNdjson } from './decode-ndjson.ts';
export { encodeNdjson } from './encode-ndjson.ts';

// Bytes in, answers out.

export { atTurnEnd } from './event-loop-turn.ts';
export type { ByteSource } from './read-bytes.ts';
export { eventStreamHeaders, type Reply } from './reply.ts';
export { type ToResponseOptions, toResponse } from './to-response.ts';
export {
  isTransportError,
  TransportError,
  type TransportErrorCode,
  type TransportErrorOptions,
} from './transport-error.ts';
