/**
 * From a run's log to a body: entries go in, text comes out. It is a stage of the stream engine, so an entry that is
 * appended while the connection waits becomes a frame and reaches it within the call of `append`. While the connection is
 * busy nothing is taken from the log; then what is there is taken together, so that it can be merged.
 */
import type { LogEntry } from '@chatkit/core';
import type { Stream } from '@chatkit/stream';
import { type Cleanup, type Failure, outlet, type Sink, stageOf } from '@chatkit/stream/engine';

/** Entries become frames, one after the other. Both functions return text, perhaps none. */
export interface FrameEncoder {
  /** Takes an entry, and may keep it back to join it to the next one. */
  add(entry: LogEntry): string;
  /** What was kept back: there is no next one yet. */
  rest(): string;
  /** The offset of the last frame that was returned. */
  offset(): string | undefined;
}

export interface FrameStreamOptions {
  entries: AsyncIterable<LogEntry>;
  encoder: FrameEncoder;
  /** Called once, when the stream is over, however it ended. */
  onOver: () => void;
}

export interface FrameStream {
  /** To be read once; each item is one or more whole frames. */
  readonly frames: Stream<string>;
  /** Reads the first entry ahead. Resolves to whether there is one; rejects with why it cannot be read. */
  begin(): Promise<boolean>;
  /** Ends the stream behind what has been given. */
  stop(): void;
  /** The offset up to which everything has been given. */
  offset(): string | undefined;
}

/** Text that is taken together has about this many characters at most. Few, so that the first of it leaves soon. */
const maxLength = 8 * 1024;

export const createFrameStream = ({ entries, encoder, onOver }: FrameStreamOptions): FrameStream => {
  const upstream = stageOf(entries);
  /** Who asks and has had no answer. */
  let sink: Sink<string> | undefined;
  /** What has been taken and not been given. */
  let text = '';
  let offset: string | undefined;
  /** An entry is asked for and not there yet. */
  let isWaiting = false;
  let isWorking = false;
  let ended: { readonly failure: Failure | undefined } | undefined;
  let isOver = false;
  let onFirst: ((hasEntry: boolean) => void) | undefined;

  const ask = (): void => {
    isWaiting = true;
    upstream.pull(self);
  };
  const letGo = (): Sink<string> | undefined => {
    const to = sink;
    sink = undefined;
    return to;
  };

  /** Answers whoever asks, if there is something to say; in a loop, because it may ask again inside the answer. */
  const work = (): void => {
    if (isWorking) return;
    isWorking = true;
    while (sink !== undefined) {
      while (!isWaiting && ended === undefined && text.length < maxLength) ask();
      if (isWaiting || ended !== undefined) text += encoder.rest();
      if (text !== '') {
        const given = text;
        text = '';
        offset = encoder.offset();
        letGo()?.item(given);
      } else if (ended !== undefined) {
        over();
        letGo()?.end(ended.failure);
      } else break;
    }
    isWorking = false;
  };

  const stop = (failure?: Failure): Cleanup => {
    ended = { failure };
    text = '';
    return upstream.close();
  };

  const over = (): void => {
    if (isOver) return;
    isOver = true;
    onOver();
  };

  const add = (entry: LogEntry): void => {
    try {
      text += encoder.add(entry);
    } catch (error) {
      stop({ error });
    }
  };
  const self: Sink<LogEntry> = {
    item(entry) {
      isWaiting = false;
      add(entry);
      onFirst?.(true);
      work();
    },
    items(chunk) {
      isWaiting = false;
      for (const entry of chunk) add(entry);
      onFirst?.(true);
      work();
    },
    end(failure) {
      isWaiting = false;
      ended ??= { failure };
      onFirst?.(false);
      work();
    },
  };

  return {
    begin: () =>
      new Promise((resolve, reject) => {
        onFirst = (hasEntry) => {
          onFirst = undefined;
          if (ended?.failure === undefined) resolve(hasEntry);
          else reject(ended.failure.error);
        };
        ask();
      }),
    offset: () => offset,
    stop() {
      stop();
      work();
    },
    frames: outlet<string>({
      pull(to) {
        sink = to;
        work();
      },
      close() {
        const cleanup = stop();
        over();
        letGo()?.end();
        return cleanup;
      },
    }),
  };
};
