/** What a test asks of a machine, over real HTTP, and a reader that keeps what it is told. */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type ChatKitRequestInput,
  emptyThreadState,
  reduceThread,
  selectItems,
  type ThreadItem,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { createOrderChecker } from '@chatkit/core/order';
import { decodeSse } from '@chatkit/transport';

const optIn = { 'content-type': 'application/json', 'chatkit-client': '1' };

const input = (text: string) => ({
  content: [{ type: 'input_text' as const, text }],
  attachments: [],
  inference_options: {},
});

/** A message, to a new thread or to one that is there. */
export const message = (text: string, threadId?: string): ChatKitRequestInput =>
  threadId === undefined
    ? { type: 'threads.create', params: { input: input(text) } }
    : { type: 'threads.add_user_message', params: { thread_id: threadId, input: input(text) } };

export const post = (url: string, request: ChatKitRequestInput, runId?: string): Promise<Response> =>
  fetch(url, {
    method: 'POST',
    headers: { ...optIn, ...(runId === undefined ? {} : { 'chatkit-run-id': runId }) },
    body: JSON.stringify(request),
  });

export const attach = (url: string, runId: string, after?: string): Promise<Response> =>
  fetch(`${url}?run=${runId}${after === undefined ? '' : `&after=${after}`}`, { headers: { 'chatkit-client': '1' } });

/** Everything that a thread shows, oldest first. */
export const loadItems = async (url: string, threadId: string): Promise<ThreadItem[]> => {
  const items: ThreadItem[] = [];
  for (let after: string | null | undefined; ; ) {
    const params = { thread_id: threadId, limit: 100, order: 'asc' as const, ...(after == null ? {} : { after }) };
    const response = await post(url, { type: 'items.list', params });
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const page = (await response.json()) as { data: ThreadItem[]; has_more: boolean; after?: string | null };
    items.push(...page.data);
    if (!page.has_more) return items;
    ({ after } = page);
  }
};

export interface Reading {
  readonly events: ThreadStreamEvent[];
  readonly offsets: string[];
  /** The outcome that the terminal frame names; `cut` when the body ends without one, `status N` when there is none. */
  readonly ended: Promise<string>;
  threadId(): string | undefined;
  /** The text of the deltas. */
  text(): string;
  words(): number;
}

/** Reads an answer to its end, in the background. */
export const read = (answer: Promise<Response>): Reading => {
  const events: ThreadStreamEvent[] = [];
  const offsets: string[] = [];
  const text = () =>
    events
      .map((event) =>
        event.type === 'thread.item.updated' && event.update.type === 'assistant_message.content_part.text_delta'
          ? event.update.delta
          : '',
      )
      .join('');
  const ended = (async () => {
    let outcome = 'cut';
    try {
      const response = await answer;
      if (response.status !== 200 || response.body === null) {
        await response.body?.cancel();
        return `status ${response.status}`;
      }
      for await (const frame of decodeSse(response.body)) {
        if (frame.data === undefined) continue;
        if (frame.event === 'end') outcome = (JSON.parse(frame.data) as { outcome: string }).outcome;
        else {
          events.push(JSON.parse(frame.data) as ThreadStreamEvent);
          offsets.push(frame.id ?? '');
        }
      }
    } catch {
      // The connection broke: what the outcome is has been said, or will not be.
    }
    return outcome;
  })();
  return {
    events,
    offsets,
    ended,
    threadId: () => events.flatMap((event) => (event.type === 'thread.created' ? [event.thread.id] : []))[0],
    text,
    words: () => text().split(' ').length - 1,
  };
};

/** The first rule of order that a whole stream breaks. */
export const disorder = (events: readonly ThreadStreamEvent[]): string | undefined => {
  const checker = createOrderChecker();
  for (const event of events) {
    const broken = checker.check(event);
    if (broken !== undefined) return broken;
  }
  return checker.end();
};

/** What a client that was told these events shows. */
export const shown = (events: readonly ThreadStreamEvent[]): readonly ThreadItem[] =>
  selectItems(events.reduce(reduceThread, emptyThreadState));

export const textOf = (item: ThreadItem): string =>
  item.type === 'assistant_message' || item.type === 'user_message'
    ? item.content.map((part) => part.text).join('')
    : '';

/**
 * How long anything may take here. Nothing takes a second on a quiet machine: a test waits for what is to happen, and this only
 * tells a reader that hangs from a machine that has much else to do.
 */
export const patienceMs = 60_000;

/** Waits until `what` holds; fails with its name after `ms`. */
export const until = async (
  name: string,
  what: () => boolean | Promise<boolean>,
  ms: number = patienceMs,
): Promise<void> => {
  for (const end = performance.now() + ms; !(await what()); await sleep(5)) {
    if (performance.now() > end) throw new Error(`Waited ${ms} ms in vain: ${name}`);
  }
};

/** Rejects when `work` takes longer than `ms`: a reader that hangs must fail its test, and say so. */
export const within = async <T>(name: string, work: Promise<T>, ms: number): Promise<T> => {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`Still going on after ${ms} ms: ${name}`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
  }
};
