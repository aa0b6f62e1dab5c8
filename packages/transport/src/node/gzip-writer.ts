/**
 * A third way to put text on a `ServerResponse`: gzip, flushed after each write, so that what was written can be read at the
 * other end before anything else is. docs/decisions/transport-compression.md says when that is worth its price.
 */
import type { ServerResponse } from 'node:http';
import { constants, createGzip, type Gzip } from 'node:zlib';
import type { BodySink } from './body-sink.ts';

/**
 * An event resembles the one before it, a few hundred bytes back: a window of 4 KiB finds that as well as one of 32 KiB, at
 * less than half of the memory.
 */
const smallTables = { level: 4, windowBits: 12, memLevel: 5 };

/** Compresses what is written; `write` always answers `false`, since zlib works in threads of its own. */
export class GzipWriter implements BodySink {
  private readonly response: ServerResponse;
  private readonly onRoom: () => void;
  private readonly gzip: Gzip;
  /** What has yet to happen until there is room: the flush, and a drain for each write to the response that said so. */
  private awaited = 0;

  /** @param onRoom Called when a write is compressed, flushed and taken by the connection. */
  constructor(response: ServerResponse, onRoom: () => void) {
    this.response = response;
    this.onRoom = onRoom;
    this.gzip = createGzip(smallTables);
    this.gzip.on('data', this.onBytes);
    // No memory for its tables: there is nobody to tell, and the client resumes.
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
