/**
 * The next turn of the event loop, as soon as the runtime has one. Whoever yields to sockets, timers and clicks without
 * wanting to wait calls this.
 */

// Ports that are waiting for their message. Held here, because a runtime may collect a channel that nobody refers to,
// message and all.
const ports = new Set<MessagePort>();

/**
 * Calls `task` in a later turn of the event loop, behind every microtask that is ready and what those lead to.
 *
 * `setImmediate` where there is one. Browsers clamp nested timers to 4 ms, hence a channel there. workerd (checked with
 * 1.20251008) loses messages of channels that are made by the thousand, and does not clamp.
 */
export function macrotask(task: () => void): void {
  if ('setImmediate' in globalThis) setImmediate(task);
  else if (globalThis.navigator?.userAgent === 'Cloudflare-Workers') setTimeout(task);
  else {
    const { port1, port2 } = new MessageChannel();
    ports.add(port1);
    port1.onmessage = () => {
      ports.delete(port1);
      port1.close();
      task();
    };
    port2.postMessage(0);
  }
}
