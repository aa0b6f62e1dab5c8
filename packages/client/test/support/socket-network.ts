/** Sockets between one page and a server, in process, over lines that break, fall silent or are slow as the test says. */
import type { ServerSocket, WebSocketConstructor } from '@chatkit/transport/ws';
import type { Clock } from '../../src/index.ts';

/**
 * What becomes of a line: the one that is there, or the next one. It is broken or falls silent behind so many messages of both
 * sides, or takes longer from now on. A handshake is refused, or not answered.
 */
export type LineFault =
  | { readonly cutAfter: number; readonly code: number }
  | { readonly hushAfter: number }
  | { readonly delayMs: number }
  | 'refuse'
  | 'no handshake';

/** A process that listens for sockets. */
export interface SocketHost {
  /** Aborts when the process is gone: its lines break, or, for the reason `powerCut`, are silent from then on. */
  readonly gone: AbortSignal;
  /** Takes a socket that is open. */
  accept(socket: ServerSocket): void;
}

export interface SocketNetwork {
  readonly WebSocket: WebSocketConstructor;
  plan(fault: LineFault): void;
  /** From here on nothing goes wrong; lines that fell silent are gone. */
  mend(): void;
  /** Lines that are not closed on both sides. */
  readonly open: number;
}

/** Why a host is gone that told nobody. */
export const powerCut = new Error('power cut');

/** One way. */
const latencyMs = 3;
/** After two pings without an answer a server drops a line. */
const pingedMs = 75_000;
/** When a page is told that the line that it closed is closed. */
const closingMs = 10_000;

interface Line {
  apply(fault: LineFault): void;
  /** Nothing more goes wrong; if it fell silent it breaks. */
  mend(): void;
  readonly isSilent: boolean;
}

/** `host` is asked at every handshake: `undefined` where nobody listens. */
export const createSocketNetwork = (clock: Clock, host: () => SocketHost | undefined): SocketNetwork => {
  const lines = new Set<Line>();
  const planned: LineFault[] = [];

  class PageSocket extends EventTarget {
    readyState = 0;
    private toServer: ((text: string) => void) | undefined;
    private leave: () => void = () => {};

    constructor() {
      super();
      const fault = planned.shift();
      if (fault === 'no handshake') return;
      clock.setTimeout(() => this.shake(fault), latencyMs);
    }

    private shake(fault: LineFault | undefined): void {
      const server = host();
      if (this.readyState !== 0) return;
      if (fault === 'refuse' || server === undefined || server.gone.aborted) return this.end(1006);
      const { send, close } = connect(server, fault, {
        message: (data) => {
          if (this.readyState === 1) this.dispatchEvent(new MessageEvent('message', { data }));
        },
        close: (code) => this.end(code),
      });
      this.toServer = send;
      this.leave = close;
      this.readyState = 1;
      this.dispatchEvent(new Event('open'));
    }

    private end(code: number): void {
      if (this.readyState === 3) return;
      this.readyState = 3;
      if (code === 1006) this.dispatchEvent(new Event('error'));
      this.dispatchEvent(Object.assign(new Event('close'), { code }));
    }

    send(text: string): void {
      if (this.readyState === 0) throw new DOMException('Still in CONNECTING state.', 'InvalidStateError');
      if (this.readyState === 1) this.toServer?.(text);
    }

    close(code = 1000): void {
      if (code !== 1000 && (code < 3000 || code > 4999)) throw new DOMException('No such code.', 'InvalidAccessError');
      if (this.readyState > 1) return;
      const wasOpen = this.readyState === 1;
      this.readyState = 2;
      this.leave();
      clock.setTimeout(() => this.end(wasOpen ? code : 1006), wasOpen ? closingMs : 0);
    }
  }

  const connect = (
    server: SocketHost,
    fault: LineFault | undefined,
    page: { message(text: string): void; close(code: number): void },
  ) => {
    const listeners: Record<string, (event: { data: unknown }) => void> = {};
    let state: 'open' | 'silent' | 'closed' = 'open';
    let delayMs = latencyMs;
    let ending: { readonly after: number; readonly end: () => void } | undefined;
    let passed = 0;
    /** What is on its way stays in order, each way for itself. */
    const way = () => {
      let lastAt = 0;
      return (deliver: () => void) => {
        lastAt = Math.max(lastAt, clock.now() + delayMs);
        clock.setTimeout(() => state === 'open' && deliver(), lastAt - clock.now());
      };
    };
    const [toServer, toPage] = [way(), way()];
    const told = { server: false, page: false };
    const forget = () => void (told.server && told.page && lines.delete(line));
    const tellServer = () => {
      if (!told.server && !server.gone.aborted) listeners['close']?.({ data: undefined });
      told.server = true;
      forget();
    };
    const tellPage = (code: number) => {
      page.close(code);
      told.page = true;
      forget();
    };
    const breakOff = (code: number) => {
      if (state === 'closed') return;
      state = 'closed';
      tellPage(code);
      tellServer();
    };
    const hush = () => {
      if (state !== 'open') return;
      state = 'silent';
      clock.setTimeout(tellServer, pingedMs);
    };
    const onGone = () => {
      told.server = true;
      if (server.gone.reason === powerCut) state = 'silent';
      else breakOff(1006);
    };
    server.gone.addEventListener('abort', onGone, { once: true });
    /** A message that arrives, and perhaps the end of the line behind it. */
    const pass = (deliver: () => void) => {
      passed += 1;
      deliver();
      if (ending !== undefined && passed >= ending.after) ending.end();
    };
    const line: Line = {
      apply(next) {
        if (typeof next === 'string') return void planned.push(next);
        if ('delayMs' in next) delayMs = next.delayMs;
        else if ('hushAfter' in next) ending = { after: passed + next.hushAfter, end: hush };
        else ending = { after: passed + next.cutAfter, end: () => breakOff(next.code) };
        if (ending !== undefined && passed >= ending.after) ending.end();
      },
      mend() {
        delayMs = latencyMs;
        ending = undefined;
        if (state === 'silent') breakOff(1006);
      },
      get isSilent() {
        return state === 'silent';
      },
    };
    lines.add(line);
    if (fault !== undefined) line.apply(fault);
    server.accept({
      bufferedAmount: 0,
      send: (text) => {
        if (!told.server) toPage(() => pass(() => page.message(text)));
      },
      close: (code = 1005) => {
        // Behind what it has sent; what the page still says is heard until the page has answered.
        toPage(() => {
          state = 'closed';
          tellPage(code);
          clock.setTimeout(tellServer, latencyMs);
        });
      },
      addEventListener: (type: string, listener: (event: { data: unknown }) => void) => {
        listeners[type] = listener;
      },
    } as ServerSocket);
    return {
      send: (text: string) =>
        toServer(() => pass(() => !server.gone.aborted && listeners['message']?.({ data: text }))),
      close() {
        told.page = true;
        toServer(() => {
          state = 'closed';
          tellServer();
        });
        forget();
      },
    };
  };

  return {
    WebSocket: PageSocket as unknown as WebSocketConstructor,
    plan(fault) {
      const line = [...lines].at(-1);
      if (line === undefined || line.isSilent) planned.push(fault);
      else line.apply(fault);
    },
    mend() {
      planned.length = 0;
      for (const line of [...lines]) line.mend();
    },
    get open() {
      return lines.size;
    },
  };
};
