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
import type { BodySink } from './body-sink.ts';

/** Up to here a write is not waited for if none was waiting before it: a callback costs a tick, more than the memory. */
const smallBytes = 2048;

/** Puts text on the wire: plain first, framed as soon as that is known to be safe. */
export class ResponseWriter implements BodySink {
  private readonly response: ServerResponse;
  private readonly onRoom: () => void;
  private socket: Socket | null | undefined;
  private hasWritten = false;
  private inFlight = 0;

  /** @param onRoom Called when a write that answered `false` has been taken, by the kernel or into the socket's buffer. */
  constructor(response: ServerResponse, onRoom: () => void) {
    this.response = response;
    this.onRoom = onRoom;
  }

  /** Writes. `false`: hold back until `onRoom` is called. */
  write(text: string): boolean {
    if (!this.hasWritten) {
      this.hasWritten = true;
      return this.writePlain(text);
    }
    if (this.socket === undefined) this.socket = framedSocket(this.response);
    return this.socket === null ? this.writePlain(text) : this.writeFramed(this.socket, text);
  }

  end(onEnd: () => void): void {
    this.response.end(onEnd);
  }

  close(): void {}

  private writePlain(text: string): boolean {
    const { response } = this;
    const hasRoom = response.write(text);
    if (!hasRoom) response.once('drain', this.onRoom);
    // Express' compression holds text back until it is asked.
    if (Object.hasOwn(response, 'flush')) (response as unknown as { flush(): void }).flush();
    return hasRoom;
  }

  private writeFramed(socket: Socket, text: string): boolean {
    const bytes = Buffer.byteLength(text);
    const chunk = `${bytes.toString(16)}\r\n${text}\r\n`;
    // Pure ASCII is a byte a character: latin1 then needs no encoder. Decided per batch, never for good.
    const encoding = bytes === text.length ? 'latin1' : 'utf8';
    if (bytes <= smallBytes && socket.writableLength === 0) {
      socket.write(chunk, encoding);
      return true;
    }
    this.inFlight++;
    socket.write(chunk, encoding, () => {
      // Told a tick late, so an earlier write must not be mistaken for the one that is waited for.
      if (--this.inFlight === 0) this.onRoom();
    });
    // The kernel usually takes it within the call. What it does not take is all that the socket ever holds of ours.
    return socket.writableLength === 0;
  }
}

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
