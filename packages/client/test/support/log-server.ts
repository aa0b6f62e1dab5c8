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

/** What goes wrong with one answer. */
export interface Fault {
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
  /** Stop after this many bytes. */
  cutAt?: number;
  /** Stop as if the body were whole, not with an error. */
  isCleanCut?: boolean;
  chunkBytes?: number;
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
}

export interface LogServer {
  readonly fetch: typeof globalThis.fetch;
  /** Methods and addresses of the requests. */
  readonly seen: string[];
}

const frameText = (lines: readonly string[], lineEnd: string): string => `${lines.join(lineEnd)}${lineEnd}${lineEnd}`;

/**
 * A server that knows one run: `events` under offsets, then its end. Every request takes the next fault; when there are no
 * more, all goes well.
 */
export const createLogServer = (
  events: readonly ThreadStreamEvent[],
  faults: readonly Fault[] = [],
  { plain = false, outcome = 'completed', takeover }: LogServerOptions = {},
): LogServer => {
  const plans = [...faults];
  const seen: string[] = [];
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
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { searchParams, search } = new URL(request.url);
      seen.push(`${request.method} ${search}`);
      const fault = plans.shift() ?? {};
      if (fault.refuse) throw new TypeError('fetch failed');
      if (fault.status !== undefined) return new Response(null, { status: fault.status });
      const upTo = takeover !== undefined && seen.length <= takeover.requests ? takeover.at : events.length;
      const bytes = bodyOf(seqOf(searchParams.get('after')), upTo, fault);
      const limit = Math.min(fault.cutAt ?? bytes.length, bytes.length);
      const isCut = limit < bytes.length || upTo < events.length;
      const step = fault.chunkBytes ?? bytes.length;
      let at = 0;
      const give = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        if (at < limit) {
          controller.enqueue(bytes.slice(at, Math.min(limit, at + step)));
          at += step;
        } else if (isCut && !fault.isCleanCut) controller.error(new TypeError('terminated'));
        else controller.close();
      };
      const body = new ReadableStream<Uint8Array>(
        {
          pull: give,
        },
        { highWaterMark: 0 },
      );
      const headers = { 'content-type': 'text/event-stream', ...(plain ? {} : { 'chatkit-run-id': 'run_1' }) };
      return new Response(body, { headers });
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
