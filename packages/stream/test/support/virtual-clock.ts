/** A clock that stands still until it is told to go on. */

import { macrotask } from '../../src/engine/macrotask.ts';
import type { Clock } from '../../src/index.ts';

interface Timer {
  at: number;
  order: number;
  callback: () => void;
}

export class VirtualClock implements Clock {
  private time = 0;
  private order = 0;
  private readonly timers = new Map<number, Timer>();

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void, delayMs: number): number {
    const id = ++this.order;
    this.timers.set(id, { at: this.time + Math.max(0, delayMs), order: id, callback });
    return id;
  }

  clearTimeout(timer: unknown): void {
    this.timers.delete(timer as number);
  }

  get pending(): number {
    return this.timers.size;
  }

  /** When the next timer is due, if there is one. */
  get nextAt(): number | undefined {
    return this.first()?.at;
  }

  /** Goes on by `ms`, fires what falls due in order, and lets promises settle between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    for (let timer = this.first(); timer !== undefined && timer.at <= end; timer = this.first()) {
      this.timers.delete(timer.order);
      this.time = Math.max(this.time, timer.at);
      timer.callback();
      await settle();
    }
    this.time = end;
    await settle();
  }

  private first(): Timer | undefined {
    return [...this.timers.values()].sort((a, b) => a.at - b.at || a.order - b.order)[0];
  }
}

/** Lets everything that is ready run: microtasks, and what the time budget has put off by a turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 2; turn++) await nextTurn();
}

const nextTurn = () => new Promise<void>((resolve) => unnested(() => macrotask(resolve)));

/**
 * A browser without `scheduler` (WebKit) takes turns with timers, and a timer that a timer has set waits for 4 ms or
 * more, which makes minutes of the turns of all tests. One that a message has set does not.
 */
const unnested: (task: () => void) => void =
  typeof document === 'undefined' || 'scheduler' in globalThis ? (task) => task() : afterMessage();

function afterMessage() {
  const { port1, port2 } = new MessageChannel();
  const tasks: (() => void)[] = [];
  port1.onmessage = () => tasks.shift()?.();
  return (task: () => void) => {
    tasks.push(task);
    port2.postMessage(undefined);
  };
}
