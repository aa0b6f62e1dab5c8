/** The interface between writing a body and the ways of putting its text on a connection (plain, HTTP chunks, gzip). */
export interface BodySink {
  /** Writes text. `false` means: wait for the `onRoom` callback that the sink was made with. */
  write(text: string): boolean;
  /** Ends the response after everything written; calls `onEnd` when all of it has been handed to the connection. */
  end(onEnd: () => void): void;
  /** Releases the sink's resources; nothing is written afterwards. */
  close(): void;
}
