import type { ThreadMetadata, ThreadStreamEvent, UserMessageItem } from '@chatkit/core';
import { type ChatKitServerOptions, createChatKitServer } from '@chatkit/server';
import { createMemoryStore } from '@chatkit/store/memory';

export type Respond = (
  thread: ThreadMetadata,
  input: UserMessageItem | null,
  run: { signal: AbortSignal },
) => AsyncIterable<ThreadStreamEvent>;

/** A real server over a memory store, with `respond` as its application. */
export const scriptedServer = (
  respond: Respond,
  options: Pick<ChatKitServerOptions<string>, 'allowedHosts' | 'allowedOrigins'> = {},
) => {
  const store = createMemoryStore<string>();
  const server = createChatKitServer<string>({
    store,
    ...options,
    respond: (thread, input, _context, run) => respond(thread, input, run),
  });
  return { server, store };
};

const base = (thread: ThreadMetadata, id: string) => ({
  id,
  thread_id: thread.id,
  created_at: new Date().toISOString(),
});

/** An assistant message in pieces. */
export function* message(thread: ThreadMetadata, id: string, ...deltas: string[]): Generator<ThreadStreamEvent> {
  const item = { type: 'assistant_message', ...base(thread, id) } as const;
  yield { type: 'thread.item.added', item: { ...item, content: [] } };
  const part = { type: 'output_text', text: '', annotations: [] } as const;
  const updated = (update: Extract<ThreadStreamEvent, { type: 'thread.item.updated' }>['update']) =>
    ({ type: 'thread.item.updated', item_id: id, update }) as const;
  yield updated({
    type: 'assistant_message.content_part.added',
    content_index: 0,
    content: { ...part, annotations: [] },
  });
  for (const delta of deltas) {
    yield updated({ type: 'assistant_message.content_part.text_delta', content_index: 0, delta });
  }
  const annotation = {
    type: 'annotation',
    source: { type: 'url', title: 'A', url: 'https://a.example/' },
    index: 1,
  } as const;
  const content = [{ type: 'output_text' as const, text: deltas.join(''), annotations: [annotation] }];
  yield { type: 'thread.item.done', item: { ...item, content } };
}

/** An assistant message whose first part comes whole when it is added, and whose second is longer when it is done than its delta said. */
export function* messageOfWholeParts(
  thread: ThreadMetadata,
  id: string,
  first: string,
  second: string,
): Generator<ThreadStreamEvent> {
  const item = { type: 'assistant_message', ...base(thread, id) } as const;
  const part = (text: string) => ({ type: 'output_text' as const, text, annotations: [] });
  const updated = (update: Extract<ThreadStreamEvent, { type: 'thread.item.updated' }>['update']) =>
    ({ type: 'thread.item.updated', item_id: id, update }) as const;
  yield { type: 'thread.item.added', item: { ...item, content: [] } };
  yield updated({ type: 'assistant_message.content_part.added', content_index: 0, content: part(first) });
  yield updated({ type: 'assistant_message.content_part.added', content_index: 1, content: part('') });
  // The text goes on by a delta, which is whole only with what was there before.
  yield updated({
    type: 'assistant_message.content_part.text_delta',
    content_index: 1,
    delta: second.slice(0, 1),
  });
  yield updated({ type: 'assistant_message.content_part.done', content_index: 1, content: part(second) });
  yield { type: 'thread.item.done', item: { ...item, content: [part(first), part(second)] } };
}

/** A reasoning workflow whose one thought grows. */
export function* reasoning(thread: ThreadMetadata, id: string, ...states: string[]): Generator<ThreadStreamEvent> {
  const task = (content: string) => ({ type: 'thought', status_indicator: 'none', content }) as const;
  const item = (tasks: ReturnType<typeof task>[]) =>
    ({
      type: 'workflow',
      ...base(thread, id),
      workflow: { type: 'reasoning', tasks, expanded: false },
    }) as const;
  yield { type: 'thread.item.added', item: item([]) };
  for (const [index, state] of states.entries()) {
    const type = index === 0 ? 'workflow.task.added' : 'workflow.task.updated';
    yield { type: 'thread.item.updated', item_id: id, update: { type, task_index: 0, task: task(state) } };
  }
  yield { type: 'thread.item.done', item: item([task(states.at(-1) ?? '')]) };
}

export const widget = (thread: ThreadMetadata, id: string): ThreadStreamEvent => ({
  type: 'thread.item.done',
  item: { type: 'widget', ...base(thread, id), widget: { type: 'Card', children: [] } },
});

export const hidden = (thread: ThreadMetadata): ThreadStreamEvent => ({
  type: 'thread.item.done',
  item: { type: 'hidden_context_item', ...base(thread, 'h1'), content: 'sesame' },
});

export const toolCall = (thread: ThreadMetadata, id: string, call_id = 'call_1'): ThreadStreamEvent => ({
  type: 'thread.item.done',
  item: {
    type: 'client_tool_call',
    ...base(thread, id),
    status: 'pending',
    call_id,
    name: 'pick',
    arguments: { from: 'here' },
  },
});

/** Two questions to the user: the approval of a call, and one in words. */
export const questions = (thread: ThreadMetadata, id: string): ThreadStreamEvent => ({
  type: 'thread.item.done',
  item: {
    type: 'structured_input',
    ...base(thread, id),
    status: 'pending',
    inputs: [
      {
        type: 'multiple_choice',
        id: 'call_1',
        question: 'Delete it?',
        options: [{ value: 'Approve' }, { value: 'Reject' }],
        multiple: false,
      },
      { type: 'freeform', id: 'why', question: 'Why?' },
    ],
  },
});
