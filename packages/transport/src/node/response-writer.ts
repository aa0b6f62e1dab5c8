/**
 * Writes text to a `ServerResponse`, in one of two ways. The plain way is `response.write`, right for every kind of
 * response. The framed way writes HTTP/1.1 chunks directly to the socket, with size line, text and line end in one
 * string: node:http splits a chunk into three pieces and a `writev`, which costs half as much again per write
 * (docs/benchmarks/transport.md has the figures).
 *
 * The price: framing bypasses the response object. So it is used only where the bytes are known to be the same
 * (HTTP/1.1, chunked, `write` neither wrapped by a middleware nor patched, nothing waiting inside the response), and
 * only after the response itself has written its head and a first chunk; `end()` always goes through the response. A
 * test compares the bytes.
 */
import { OutgoingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BodySink } from './body-sink.ts';

/**
 * A write up to this size is not awaited if no other was pending: a callback costs a tick, which is dearer than the
 * memory.
 */
const smallBytes = 2048;

/** Writes the first text plainly, the rest framed where that is known to be safe. */
export class ResponseWriter implements BodySink {
  private readonly response: ServerResponse;
  private readonly onRoom: () => void;
  private socket: Socket | null | undefined;
  private hasWritten = false;
  private inFlight = 0;

  /**
   * @param onRoom Called when a write that returned `false` has been accepted, by the kernel or into the socket's
   * buffer.
   */
  constructor(response: ServerResponse, onRoom: () => void) {
    this.response = response;
    this.onRoom = onRoom;
  }

  /** Writes text. `false` means: wait until `onRoom` is called. */
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
    // Express's compression middleware buffers text until `flush` is called.
    if (Object.hasOwn(response, 'flush')) (response as unknown as { flush(): void }).flush();
    return hasRoom;
  }

  private writeFramed(socket: Socket, text: string): boolean {
    const bytes = Buffer.byteLength(text);
    const chunk = `${bytes.toString(16)}\r\n${text}\r\n`;
    // Pure ASCII has one byte per character, and latin1 needs no encoder. Decided anew for every batch.
    const encoding = bytes === text.length ? 'latin1' : 'utf8';
    if (bytes <= smallBytes && socket.writableLength === 0) {
      socket.write(chunk, encoding);
      return true;
    }
    this.inFlight++;
    socket.write(chunk, encoding, () => {
      // This callback is a tick late, so that of an earlier write must not be mistaken for the awaited one's.
      if (--this.inFlight === 0) this.onRoom();
    });
    // The kernel usually accepts the chunk within the call. What it does not accept is all that the socket ever buffers
    // for us.
    return socket.writableLength === 0;
  }
}

const ownWrite = OutgoingMessage.prototype.write;

/** The socket to write chunks to, or `null` where all writes must go through the response. */
function framedSocket(response: ServerResponse): Socket | null {
  const { socket } = response;
  const isPlainChunked =
    response.chunkedEncoding === true &&
    response.write === ownWrite &&
    response.writableCorked === 0 &&
    !response.hasHeader('trailer');
  return isPlainChunked && socket !== null && !socket.destroyed ? socket : null;
}
