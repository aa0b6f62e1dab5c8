/**
 * A socket's `bufferedAmount` as something to wait for, which no WebSocket offers, and an end to clients that take nothing.
 */
import { closeCodes } from './protocol.ts';
import type { SocketPort } from './session.ts';

/** What is needed of a socket. */
export interface BufferedSocket {
  readonly bufferedAmount: number;
  send(data: string): unknown;
  close(code?: number, reason?: string): void;
  /** Drops the connection without a closing handshake. */
  terminate?(): void;
}

/** How much a socket may hold, and for how long. */
export interface BufferOptions {
  /**
   * How much the socket may hold before runs wait for it to drain. Default 4,096: what the network does not take at once is
   * better held by the runs, which join it, than by the socket, which does not.
   */
  highWaterBytes?: number | undefined;
  /** How long it may hold that much without sending any of it; then the client is let go with 1013. Default 30,000. */
  stuckMs?: number | undefined;
}

/** A port over a socket; `closed()` ends what waits for it. */
export function createSocketPort(
  socket: BufferedSocket,
  { highWaterBytes = 4 * 1024, stuckMs = 30_000 }: BufferOptions,
): SocketPort & { closed(): void } {
  let isOpen = true;
  let drained: Promise<void> | undefined;

  const close = (code: number, reason: string): void => {
    socket.close(code, reason);
    // The close frame waits behind what is stuck.
    if (code === closeCodes.stuck) socket.terminate?.();
  };

  const drain = async (): Promise<void> => {
    let held = socket.bufferedAmount;
    let lastProgress = performance.now();
    // Asked again and again: soon after the kernel took something, then less often. By hand, because there is nothing that an
    // operator could read: a WebSocket tells nobody that it has drained.
    for (let wait = 1; isOpen && socket.bufferedAmount > highWaterBytes / 2; wait = Math.min(wait * 2, 50)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (socket.bufferedAmount < held) {
        lastProgress = performance.now();
        wait = 1;
      } else if (performance.now() - lastProgress > stuckMs) {
        close(closeCodes.stuck, 'the client takes nothing');
        return;
      }
      held = socket.bufferedAmount;
    }
  };

  return {
    send(text) {
      if (!isOpen) return undefined;
      socket.send(text);
      if (drained === undefined && socket.bufferedAmount > highWaterBytes)
        drained = drain().then(() => {
          drained = undefined;
        });
      return drained;
    },
    close,
    closed() {
      isOpen = false;
    },
  };
}
