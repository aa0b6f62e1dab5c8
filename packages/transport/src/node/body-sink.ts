/** What the writing of a body needs of a connection, however the text gets onto it. */
export interface BodySink {
  /** Takes text. `false`: hold back until there is room, of which the sink was told whom to tell. */
  write(text: string): boolean;
  /** Ends the response behind everything that was written; `onEnd` when that has been handed to the connection. */
  end(onEnd: () => void): void;
  /** Lets go of what the sink holds; nothing is written any more. */
  close(): void;
}
