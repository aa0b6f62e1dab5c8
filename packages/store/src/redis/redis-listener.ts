/**
 * Subscribes to a channel, and replaces the connection when it is half-open. Nothing is ever sent on a subscribed
 * connection, so neither the client nor the kernel would notice, and every later message would be missed. So it is
 * pinged now and then; without an answer a new connection takes its place. Messages in between are lost, which is
 * allowed: subscribers also learn of them by polling.
 */
import type { RedisListening, RedisPort } from './redis-client.ts';

export interface RedisListenerOptions {
  readonly port: Pick<RedisPort, 'listen'>;
  readonly channel: string;
  readonly hear: (message: string) => void;
  /** How long the answer to a ping may take. Pings are sent twice as often. */
  readonly quietMs: number;
}

/** Starts listening. Returns a function that ends it. */
export const listenAlive = ({ port, channel, hear, quietMs }: RedisListenerOptions): (() => void) => {
  let listening: RedisListening = port.listen(channel, hear);
  /** When the unanswered ping was sent, by `performance.now()`. */
  let askedAt: number | undefined;
  let isSeen = false;

  const ask = (): void => {
    const asked = listening;
    const answered = (): void => {
      if (asked === listening) askedAt = undefined;
    };
    askedAt = performance.now();
    isSeen = false;
    // A client that rejects the ping has noticed that its connection ended, and subscribes again by itself.
    asked.ping().then(answered, answered);
  };
  const look = (): void => {
    if (askedAt !== undefined) {
      // Only if an earlier check saw it too: after this process was starved, an answer that has already arrived must be
      // read first.
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
