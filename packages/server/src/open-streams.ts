/**
 * The streams of this server, so that it can close. Streams of its own runs end with them; one that follows a run of
 * another machine would go on for as long as that does, so its client is asked to reconnect, to another machine.
 */
import { serverClosing } from './run.ts';

export interface OpenStream {
  /** The run that it follows. */
  readonly run: { lastOffset(): string | undefined };
  /** Ends it behind what has been delivered, and asks its client to reconnect. */
  leave(): void;
}

export interface OpenStreams {
  /** Throws `server.closing` if the server is closed and the run is another machine's. */
  add(stream: OpenStream): void;
  delete(stream: OpenStream): void;
  /** Ends the streams of other machines' runs, and refuses new ones. */
  close(): void;
}

export const createOpenStreams = (): OpenStreams => {
  const streams = new Set<OpenStream>();
  let state: 'open' | 'closed' = 'open';
  return {
    add(stream) {
      // A stream that ended at once would make a client that comes back here ask again and again.
      if (state === 'closed' && isElsewhere(stream)) throw serverClosing();
      streams.add(stream);
    },
    delete: (stream) => void streams.delete(stream),
    close() {
      state = 'closed';
      for (const stream of [...streams]) if (isElsewhere(stream)) stream.leave();
    },
  };
};

const isElsewhere = ({ run }: OpenStream): boolean => run.lastOffset() === undefined;
