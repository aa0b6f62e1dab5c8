// The answer that the clients are given, and how they are watched while the network misbehaves.
import { setTimeout as sleep } from 'node:timers/promises';
import { startFaulty } from '../faulty-server.mjs';

/** A hundred words, 20 ms apart: two seconds of an answer. */
export async function* words(signal, { count = 100, gapMs = 20 } = {}) {
  for (let i = 0; i < count && !signal?.aborted; i++) {
    await sleep(gapMs);
    yield `word${i} `;
  }
}
export const whole = Array.from({ length: 100 }, (_, i) => `word${i} `).join('');

/**
 * Asks through a faulty server and watches until the client has come to rest or the time is up.
 * @returns the last look, when it was reached, and how many requests were made
 */
export async function watch(toolkit, fault, { forMs = 8000, restMs = 2500, source = words, serve } = {}) {
  const proxy = await startFaulty(toolkit.serve(source, serve), fault);
  const chat = toolkit.chat(proxy.url);
  const begun = performance.now();
  let last = { state: 'ready', text: '' };
  let changedAt = begun;
  chat.send('Hello');
  while (performance.now() - begun < forMs) {
    await sleep(20);
    const look = chat.look();
    if (look.state !== last.state || look.text !== last.text) changedAt = performance.now();
    last = look;
    if (['complete', 'failed'].includes(look.state) && performance.now() - changedAt > restMs) break;
  }
  const result = { ...last, afterMs: Math.round(changedAt - begun), requests: proxy.requests };
  chat.close();
  proxy.close();
  return result;
}

/** What a user would say to it. */
export function verdict({ state, text, afterMs }) {
  const share = `${Math.round((100 * text.trimEnd().length) / whole.trimEnd().length)} %`;
  if (text === whole && state === 'complete')
    return { ok: true, seen: `the whole answer, after ${(afterMs / 1000).toFixed(1)} s` };
  if (text.length > whole.length) return { ok: false, seen: `text repeated (${share}), “${state}”` };
  if (state === 'complete') return { ok: false, seen: `${share} of the answer, shown as complete` };
  if (state === 'failed') return { ok: false, seen: `${share} of the answer, then an error` };
  return { ok: false, seen: `${share} of the answer, still “${state}”` };
}
