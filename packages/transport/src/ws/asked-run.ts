/**
 * The client's side of one run over a WebSocket: a request, and its answer as a `Response` whose body is pulled. What
 * the consumer has read is granted to the server again, so what waits for the consumer is bounded.
 */
import { abortable, map, pipe, pushable, toReadableStream } from '@chatkit/stream';
import { TransportError } from '../transport-error.ts';
import type { ClientMessage } from './protocol.ts';

/** What the server says about the run. */
export interface AskedRun {
  head(status: number, headers: Readonly<Record<string, string>>): void;
  body(text: string): void;
  end(): void;
  fail(error: TransportError): void;
}

/** Callbacks of a run. */
export interface RunListener {
  send(message: ClientMessage): void;
  answered(response: Response): void;
  refused(error: unknown): void;
  /** The run is over. */
  onForgotten(): void;
  /** The run was abandoned before its end. */
  onLeft(): void;
}

/** Makes the run of a request that is about to be sent. */
export function askRun(
  id: string,
  windowLength: number,
  request: Request,
  { send, answered, refused, onForgotten, onLeft }: RunListener,
): AskedRun {
  const encoder = new TextEncoder();
  let state: 'asked' | 'answered' | 'over' = 'asked';
  let read = 0;
  /** How much more the server may send; below 0 by what the last message had too much. */
  let window = windowLength;

  /** Marks the run as over. True if it was not over before. */
  const settle = (): boolean => {
    const wasOpen = state !== 'over';
    state = 'over';
    request.signal.removeEventListener('abort', onAbort);
    onForgotten();
    return wasOpen;
  };
  const leave = (): void => {
    if (!settle()) return;
    send({ run: id, close: true });
    onLeft();
  };
  const onAbort = (): void => {
    leave();
    refused(request.signal.reason);
  };
  request.signal.addEventListener('abort', onAbort, { once: true });

  // The window bounds what waits for the consumer, so the queue needs no bound of its own.
  const text = pushable<string>({ capacity: Number.POSITIVE_INFINITY, onClose: leave });
  const take = (part: string): Uint8Array => {
    read += part.length;
    if (state !== 'over' && read >= windowLength / 2) {
      send({ run: id, more: read });
      window += read;
      read = 0;
    }
    return encoder.encode(part);
  };

  return {
    head(status, headers) {
      if (state !== 'asked') return;
      state = 'answered';
      const hasBody = status !== 204 && status !== 205 && status !== 304;
      const body = hasBody ? toReadableStream(pipe(text, map(take), abortable(request.signal))) : null;
      try {
        answered(new Response(body as BodyInit | null, { status, headers: new Headers(headers) }));
      } catch (cause) {
        // Thrown on, it would reach nobody but the runtime, which may end the process.
        leave();
        refused(
          new TransportError('transport.invalid_frame', 'The head of an answer is not valid in HTTP.', { cause }),
        );
      }
    },
    body(part) {
      if (window <= 0) {
        const error = new TransportError('transport.invalid_frame', 'The server sends more than it was asked for.');
        leave();
        refused(error);
        text.fail(error);
        return;
      }
      window -= part.length;
      text.push(part);
    },
    end() {
      if (state === 'asked')
        refused(new TransportError('transport.invalid_frame', 'The server ended an answer that had not begun.'));
      settle();
      text.end();
    },
    fail(error) {
      settle();
      refused(error);
      text.fail(error);
    },
  };
}
