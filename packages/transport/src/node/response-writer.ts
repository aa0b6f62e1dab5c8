/**
 * Two ways to put text on a `ServerResponse`. The plain one is `response.write`, right for every kind of response. The
 * framed one writes HTTP/1.1 chunks to the socket itself, size line, text and line end in one latin1 string: node:http
 * makes three pieces of a chunk and a `writev` of those, which costs half as much again per write (docs/benchmarks/
 * transport.md has the figures).
 *
 * The price: it reaches past the response object. So it is taken only where that is known to be the same (HTTP/1.1,
 * chunked, `write` neither wrapped by a middleware nor patched, nothing waiting inside the response), only after the
 * response has written its head and a first chunk by itself, and `end()` stays the response's. A test compares the bytes.
 */
import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Puts text on the wire; tells whether all of it has left for the kernel. */
export interface ResponseWriter {
  /** Writes. `false`: hold back until `onRoom` is called. */
  write(text: string): boolean;
  /** Takes the listeners off. */
  close(): void;
}

/**
 * Chooses per write: plain first, framed as soon as it is known to be safe.
 *
 * @param onRoom Called when a write that answered `false` has been taken.
 */
export function createResponseWriter(response: ServerResponse, onRoom: () => void): ResponseWriter {
  let socket: Socket | null | undefined;
  let isWaiting = false;
  let hasWritten = false;
  let framedInFlight = 0;

  const room = (): void => {
    if (!isWaiting) return;
    isWaiting = false;
    onRoom();
  };
  response.on('drain', room);
  // Told a tick late, so an earlier write must not be mistaken for the one that is waited for.
  const framedTaken = (): void => {
    if (--framedInFlight === 0) room();
  };

  const writePlain = (text: string): boolean => {
    isWaiting = !response.write(text);
    // Express' compression holds text back until it is asked.
    if (Object.hasOwn(response, 'flush')) (response as unknown as { flush(): void }).flush();
    return !isWaiting;
  };
  const writeFramed = (to: Socket, text: string): boolean => {
    const bytes = Buffer.byteLength(text);
    const chunk = `${bytes.toString(16)}\r\n${text}\r\n`;
    // Pure ASCII is a byte a character: latin1 then needs no encoder. Decided per batch, never for good.
    const encoding = bytes === text.length ? 'latin1' : 'utf8';
    if (bytes <= smallBytes && to.writableLength === 0) {
      to.write(chunk, encoding);
      return true;
    }
    framedInFlight++;
    to.write(chunk, encoding, framedTaken);
    // The kernel usually takes it within the call. What it does not take is all that the socket ever holds of ours.
    isWaiting = to.writableLength > 0;
    return !isWaiting;
  };

  return {
    write(text) {
      if (!hasWritten) {
        hasWritten = true;
        return writePlain(text);
      }
      if (socket === undefined) socket = framedSocket(response);
      return socket === null ? writePlain(text) : writeFramed(socket, text);
    },
    close() {
      response.off('drain', room);
    },
  };
}

/** Up to here a write is not waited for if none was waiting before it: a callback costs a tick, more than the memory. */
const smallBytes = 2048;

const ownWrite = OutgoingMessage.prototype.write;

/** The socket to write chunks to, or `null` where only the response may do that. */
function framedSocket(response: ServerResponse): Socket | null {
  const { socket } = response;
  const isPlainChunked =
    response.chunkedEncoding === true &&
    response.write === ownWrite &&
    response.writableCorked === 0 &&
    !response.hasHeader('trailer');
  return isPlainChunked && socket !== null && !socket.destroyed ? socket : null;
}
