/** Lets text that is there at once appear at the pace of a model that writes it. */
import { type WaitingClock, wallClock } from '../wall-clock.ts';

export interface PaceOptions {
  /** Mean rate. A token is about four characters. `Infinity`: no delay at all. Default 45. */
  tokensPerSecond?: number | undefined;
  /** Aborts the wait; the iterable then throws the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Numbers in [0, 1) for the jitter. Default `Math.random`. */
  random?: (() => number) | undefined;
  /** For tests. Default: the machine's clock. */
  clock?: WaitingClock | undefined;
}

const CHARS_PER_TOKEN = 4;
/** Each wait is between 0.6 and 1.4 of the mean. */
const JITTER = 0.8;

/**
 * The text in words, each with the space after it, some short ones joined. Chunks are due on a schedule that is kept:
 * when a timer comes late, the next chunk waits less, so the rate holds on a busy machine. Joined they are the text.
 *
 * @example
 * for await (const chunk of pace(answer.text, { signal: run.signal })) yield textDelta(message.id, chunk);
 */
export async function* pace(text: string, options: PaceOptions = {}): AsyncGenerator<string, void, void> {
  const { tokensPerSecond = 45, signal, random = Math.random, clock = wallClock } = options;
  let due = clock.now();
  for (const chunk of chunksOf(text)) {
    signal?.throwIfAborted();
    if (Number.isFinite(tokensPerSecond)) {
      const tokens = Math.max(1, chunk.length / CHARS_PER_TOKEN);
      due += (tokens / tokensPerSecond) * 1_000 * (1 - JITTER / 2 + JITTER * random());
      const waitMs = due - clock.now();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
    }
    yield chunk;
  }
}

/** Words with what follows them; a word of at most two letters goes with the next one. */
export const chunksOf = (text: string): string[] =>
  text.match(/\s*(?:\S{1,2}[ ])?\S{1,24}\s*/g) ?? (text === '' ? [] : [text]);
