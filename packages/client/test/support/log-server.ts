import {
  assistantMessage,
  itemAdded,
  itemDone,
  partAdded,
  progressUpdate,
  type ThreadStreamEvent,
  textDelta,
  threadCreated,
  userMessage,
} from '@chatkit/core';
import type { Clock } from '../../src/index.ts';
import { createAutoClock } from './auto-clock.ts';
import { type BodyFault, createFaultyBody, createNetworkTime } from './faulty-body.ts';

/** What goes wrong with one answer. */
export interface Fault extends BodyFault {
  /** Answer this status instead. */
  status?: number;
  /** Fail before an answer. */
  refuse?: boolean;
  /** Go back this many frames too far. */
  overlap?: number;
  /** Send each frame this many times more. */
  repeat?: number;
  /** Send behind each frame, once more, the one that came this many frames before it. */
  late?: number | undefined;
  /** How long the head takes. */
  headMs?: number;
  lineEnd?: '\n' | '\r\n' | '\r';
}

/** The machine that writes dies, and another one goes on under the next epoch. */
export interface Takeover {
  /** How many events the first one has written; not all of them. */
  readonly at: number;
  /** How many requests it has answered, each as far as it had come. */
  readonly requests: number;
}

export interface LogServerOptions {
  /** Without offsets, as the reference answers. */
  plain?: boolean | undefined;
  outcome?: string | undefined;
  takeover?: Takeover | undefined;
  /** What pauses go by. Default: a clock of its own. */
  clock?: Clock | undefined;
}

export interface LogServer {
  readonly fetch: typeof globalThis.fetch;
  /** Methods and addresses of the requests about the run. */
  readonly seen: string[];
  /** How much is still on its way: timers of the network's. */
  readonly pending: number;
}

const frameText = (lines: readonly string[], lineEnd: string): string => `${lines.join(lineEnd)}${lineEnd}${lineEnd}`;

/**
 * A server that knows one run: `events` under offsets, then its end. Every request takes the next fault; when there are no
 * more, all goes well.
 */
export const createLogServer = (
  events: readonly ThreadStreamEvent[],
  faults: readonly Fault[] = [],
  { plain = false, outcome = 'completed', takeover, clock = createAutoClock() }: LogServerOptions = {},
): LogServer => {
  const plans = [...faults];
  const seen: string[] = [];
  const time = createNetworkTime(clock);
  const encoder = new TextEncoder();

  const firstOfHeir = (takeover?.at ?? Number.POSITIVE_INFINITY) + 1;
  const offsetOf = (seq: number) => (seq < firstOfHeir ? `1-${seq}` : `2-${seq - firstOfHeir + 1}`);
  const seqOf = (offset: string | null): number => {
    const [, epoch, seq] = /^(\d+)-(\d+)$/.exec(offset ?? '') ?? [];
    return Number(seq ?? 0) + (epoch === '2' ? firstOfHeir - 1 : 0);
  };

  const bodyOf = (after: number, upTo: number, fault: Fault): Uint8Array => {
    const { overlap = 0, repeat = 0, late, lineEnd = '\n' } = fault;
    const first = Math.max(1, after + 1 - overlap);
    const frame = (seq: number): string => {
      const data = `data: ${JSON.stringify(events[seq - 1])}`;
      return frameText(plain ? [data] : [`id: ${offsetOf(seq)}`, data], lineEnd);
    };
    let text = plain ? '' : frameText([`id: ${offsetOf(after)}`, 'retry: 500'], lineEnd);
    for (let seq = first; seq <= upTo; seq += 1) {
      for (let copy = 0; copy <= repeat; copy += 1) text += frame(seq);
      if (late !== undefined && seq - late >= 1) text += frame(seq - late);
    }
    if (!plain && upTo === events.length) {
      const end = ['event: end', `id: ${offsetOf(events.length + 1)}`, `data: ${JSON.stringify({ outcome })}`];
      text += frameText([':'], lineEnd) + frameText(end, lineEnd);
    }
    return encoder.encode(text);
  };

  return {
    seen,
    get pending() {
      return time.pending;
    },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { searchParams, search } = new URL(request.url);
      // It keeps no threads.
      if ((await request.clone().text()).includes('threads.get_by_id')) return new Response(null, { status: 404 });
      seen.push(`${request.method} ${search}`);
      const fault = plans.shift() ?? {};
      const { headMs = 0 } = fault;
      const upTo = takeover !== undefined && seen.length <= takeover.requests ? takeover.at : events.length;
      const bytes = bodyOf(seqOf(searchParams.get('after')), upTo, fault);
      if (headMs > 0 && !(await time.wait(headMs, fault.isDeaf ? undefined : request.signal)))
        request.signal.throwIfAborted();
      if (fault.refuse) throw new TypeError('fetch failed');
      // A message that gets a 404 is refused for good, and the user may send it again.
      const isRefused = fault.status === 404 && request.method === 'POST';
      if (fault.status !== undefined && !isRefused) return new Response(null, { status: fault.status });
      const body = createFaultyBody(bytes, upTo === events.length, fault, time);
      const headers = { 'content-type': 'text/event-stream', ...(plain ? {} : { 'chatkit-run-id': 'run_1' }) };
      const answer = new Response(fault.isDeaf ? '' : body, { headers });
      return fault.isDeaf ? Object.defineProperty(answer, 'body', { value: body }) : answer;
    },
  };
};

const created_at = '2026-01-01T00:00:00Z';
const thread = { id: 'thr_1', created_at, status: { type: 'active' as const }, metadata: {} };

/** A turn that begins a thread and answers with these deltas, in two messages with progress between them. */
export const turnOf = (deltas: readonly string[]): ThreadStreamEvent[] => {
  const message = (id: string, text: string) => assistantMessage({ id, thread_id: thread.id, created_at, text });
  const half = Math.ceil(deltas.length / 2);
  const answer = (id: string, parts: readonly string[]): ThreadStreamEvent[] => [
    itemAdded(assistantMessage({ id, thread_id: thread.id, created_at })),
    partAdded(id, {}, 0),
    ...parts.map((delta) => textDelta(id, delta)),
    itemDone(message(id, parts.join(''))),
  ];
  return [
    threadCreated({ ...thread, items: { data: [], has_more: false } }),
    itemDone(userMessage({ id: 'msg_0', thread_id: thread.id, created_at, text: 'Hi' })),
    { type: 'stream_options', stream_options: { allow_cancel: true } },
    ...answer('msg_1', deltas.slice(0, half)),
    progressUpdate('Looking'),
    ...answer('msg_2', deltas.slice(half)),
  ];
};
