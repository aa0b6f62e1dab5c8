export { createDeltaEncoder, type DeltaEncoder, type DeltaEncoderOptions } from './create-delta-encoder.ts';
export { decodeNdjson } from './decode-ndjson.ts';
export {
  createSseDecoder,
  type DecodeOptions,
  decodeSse,
  defaultMaxEventBytes,
  type SseDecoder,
} from './decode-sse.ts';
export {
  createSseJsonDecoder,
  type DecodeSseJsonOptions,
  decodeSseJson,
  type SseJsonDecoder,
  type SseJsonFrame,
} from './decode-sse-json.ts';
export { encodeNdjson } from './encode-ndjson.ts';
export { encodeSse, maxRetryMs, type SseFrame } from './encode-sse.ts';
export type { ByteSource } from './read-bytes.ts';
export { eventStreamHeaders, type Reply } from './reply.ts';
export { type ToResponseOptions, toResponse } from './to-response.ts';
export {
  isTransportError,
  TransportError,
  type TransportErrorCode,
  type TransportErrorOptions,
} from './transport-error.ts';
export { endOfTurn } from './turn.ts';
