// SSE and NDJSON over HTTP: encoding, decoding, and serving as a web `Response`. `/node` serves on Node, `/ws` over
// WebSockets.

// Server-sent events.

export {
  createSseDecoder,
  type DecodeOptions,
  decodeSse,
  type SseDecoder,
} from './decode-sse.ts';
export { encodeSse, type SseFrame } from './encode-sse.ts';

// The same, faster, for server-sent events of JSON that differ only in one string.

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

// Byte sources, replies and errors.

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
