// The forms of frames, and the transport that every runtime has: a `Response` that is read where it was made.
import { decodeNdjson, decodeSse, encodeNdjson, encodeSse, type SseFrame, toResponse } from '../../src/index.ts';
import type { Answer, RunningTransport, TransportUnderTest } from './describe-transport.ts';

export const MiB = 1024 * 1024;

export const sse = {
  contentType: 'text/event-stream',
  encode: encodeSse,
  decode: (body: ReadableStream<Uint8Array>) => decodeSse(body),
};
export const ndjson = {
  contentType: 'application/x-ndjson',
  encode: (frame: SseFrame) => encodeNdjson(frame),
  decode: (body: ReadableStream<Uint8Array>) => decodeNdjson(body) as AsyncIterableIterator<SseFrame>,
};

export const under = (
  start: TransportUnderTest['start'],
  form: Pick<TransportUnderTest, 'contentType' | 'encode' | 'decode'>,
  bufferBytes: number,
): TransportUnderTest => ({ start, bufferBytes, ...form });

export const inProcess = async (answer: Answer): Promise<RunningTransport> => ({
  async fetch(path, init) {
    const request = new Request(new URL(path, 'http://localhost'), init);
    request.signal.throwIfAborted();
    const gone = new AbortController();
    const seen = new Request(request, { signal: gone.signal });
    return toResponse(await answer(seen), { signal: request.signal, onDisconnect: () => gone.abort() });
  },
  async close() {},
});
