/**
 * Writes text to a `ServerResponse` as gzip, flushed after each write, so that the client can read each write at once.
 * docs/decisions/transport-compression.md says when that is worth its price.
 */
import type { ServerResponse } from 'node:http';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { BodySink } from './body-sink.ts';

/**
 * An event resembles the one before it, a few hundred bytes back. A window of 4 KiB finds the repetition as well as one
 * of 32 KiB, with less than half the memory.
 */
const smallTables = { level: 4, windowBits: 12, memLevel: 5 };

/**
 * Compresses what is written. `write` always returns `false`, because zlib works asynchronously, in its own threads.
 */
export class GzipWriter implements BodySink {
  private readonly response: ServerResponse;
  private readonly onRoom: () => void;
  private readonly gzip: Gzip;
  /**
   * How many callbacks must come before there is room: one per flush, and one `drain` per response write that asked for
   * it.
   */
  private awaited = 0;

  /** @param onRoom Called when a write has been compressed, flushed and accepted by the connection. */
  constructor(response: ServerResponse, onRoom: () => void) {
    this.response = response;
    this.onRoom = onRoom;
    this.gzip = createGzip(smallTables);
    this.gzip.on('data', this.onBytes);
    // Out of memory for its tables. Cutting the connection makes the client resume.
    this.gzip.on('error', () => response.destroy());
  }

  write(text: string): boolean {
    this.awaited++;
    this.gzip.write(text);
    this.gzip.flush(constants.Z_SYNC_FLUSH, this.onDone);
    return false;
  }

  end(onEnd: () => void): void {
    this.gzip.once('end', () => this.response.end(onEnd));
    this.gzip.end();
  }

  close(): void {
    this.gzip.destroy();
  }

  private readonly onBytes = (bytes: Buffer): void => {
    if (this.response.write(bytes)) return;
    this.awaited++;
    this.response.once('drain', this.onDone);
  };

  private readonly onDone = (): void => {
    if (--this.awaited === 0) this.onRoom();
  };
}
