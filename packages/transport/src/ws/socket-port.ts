/**
 * Backpressure for WebSockets: turns `bufferedAmount` into a promise for when it has drained, which no WebSocket
 * offers, and disconnects clients that read nothing.
 */
import { closeCodes } from './protocol.ts';

/** What a session needs of a socket. */
export interface SocketPort {
  /**
   * Sends a text message. If the socket then buffers more than it should, returns a promise that resolves when it has
   * drained.
   */
  send(text: string): Promise<void> | undefined;
  /** Closes the socket. `reason` is short enough for a close frame. */
  close(code: number, reason: string): void;
}

/** The part of a socket that is used. */
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
   * How much the socket may buffer before runs wait for it to drain. Default 4,096: what the network does not accept at
   * once is better held by the runs, which join it into fewer messages, than by the socket.
   */
  highWaterBytes?: number | undefined;
  /**
   * How long the socket may stay that full without sending anything; then the client is disconnected with 1013. As long
   * may a run wait for its client to read on. Default 30,000.
   */
  stuckMs?: number | undefined;
}

/**
 * Makes the port of a socket; call its `closed()` when the socket has closed.
 *
 * @param onLost Called when nothing more can be sent, although the socket may take long to close.
 */
export function createSocketPort(
  socket: BufferedSocket,
  { highWaterBytes = 4 * 1024, stuckMs = 30_000 }: BufferOptions,
  onLost: () => void,
): SocketPort & { closed(): void } {
  let isOpen = true;
  let drained: Promise<void> | undefined;

  const close = (code: number, reason: string): void => {
    socket.close(code, reason);
    // The close frame would wait behind the stuck data.
    if (code === closeCodes.stuck) socket.terminate?.();
  };
  const lose = (): void => {
    isOpen = false;
    onLost();
  };

  const drain = async (): Promise<void> => {
    let held = socket.bufferedAmount;
    let lastProgress = performance.now();
    // Polling, because a WebSocket has no drain event: quickly after progress, then less and less often.
    for (let wait = 1; isOpen && socket.bufferedAmount > highWaterBytes / 2; wait = Math.min(wait * 2, 50)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (socket.bufferedAmount < held) {
        lastProgress = performance.now();
        wait = 1;
      } else if (performance.now() - lastProgress > stuckMs) {
        close(closeCodes.stuck, 'the client takes nothing');
        return lose();
      }
      held = socket.bufferedAmount;
    }
  };

  return {
    send(text) {
      if (!isOpen) return undefined;
      try {
        socket.send(text);
      } catch {
        // Some runtimes' sockets throw once they begin to close. Thrown on, it could end the process.
        lose();
        return undefined;
      }
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
