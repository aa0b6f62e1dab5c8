/**
 * Listens to a channel, and notices when the connection that listens has died without an end: nobody sends anything
 * into it, so neither the client nor the kernel finds out, and every later message is missed. It is asked for a sign of
 * life now and then; when it gives none it is left for a new one. What was said in between is lost: whoever listens has
 * another way to learn it, later.
 */
import type { RedisListening, RedisPort } from './redis-client.ts';

export interface RedisListenerOptions {
  readonly port: Pick<RedisPort, 'listen'>;
  readonly channel: string;
  readonly hear: (message: string) => void;
  /** How long a sign of life may take. It is asked for twice as often. */
  readonly quietMs: number;
}

/** → the function that ends it. */
export const listenAlive = ({ port, channel, hear, quietMs }: RedisListenerOptions): (() => void) => {
  let listening: RedisListening = port.listen(channel, hear);
  /** Since when a sign of life is owed, by `performance.now()`. */
  let askedAt: number | undefined;
  let isSeen = false;

  const ask = (): void => {
    const asked = listening;
    const answered = (): void => {
      if (asked === listening) askedAt = undefined;
    };
    askedAt = performance.now();
    isSeen = false;
    // A client that fails it knows that its connection has ended, and listens again by itself.
    asked.ping().then(answered, answered);
  };
  const look = (): void => {
    if (askedAt !== undefined) {
      // Seen before: when this process had no turn for a while, the answer that lies there is to be read first.
      const isLate = isSeen && performance.now() - askedAt >= quietMs;
      isSeen = true;
      if (!isLate) return;
      listening.close();
      listening = port.listen(channel, hear);
    }
    ask();
  };
  const timer = setInterval(look, quietMs / 2);
  (timer as { unref?: () => void }).unref?.();

  return () => {
    clearInterval(timer);
    listening.close();
  };
};
