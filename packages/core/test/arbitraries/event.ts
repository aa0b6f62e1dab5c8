/** Arbitraries of events: any valid one, and whole histories in a legal order. */
import {
  type AssistantMessageItem,
  annotationAdded,
  assistantMessage,
  fromThread,
  generatedImageItem,
  generatedImageUpdated,
  itemAdded,
  itemDone,
  itemRemoved,
  itemReplaced,
  partAdded,
  partDone,
  progressUpdate,
  reduceThread,
  selectItem,
  selectOpenItems,
  streamOptions,
  type Task,
  type Thread,
  type ThreadItem,
  type ThreadItemUpdate,
  type ThreadState,
  type ThreadStreamEvent,
  textDelta,
  threadCreated,
  threadUpdated,
  userMessage,
  widgetItem,
  widgetRootUpdated,
  workflowItem,
  workflowTaskAdded,
  workflowTaskUpdated,
} from '@chatkit/core';
import fc from 'fast-check';
import {
  annotation,
  assistantContent,
  componentId,
  generatedImage,
  itemId,
  task,
  threadItem,
  visibleItem,
  widgetComponent,
  widgetRoot,
} from './item.ts';
import { jsonObject, record, text, timestamp } from './json.ts';

/** A thread as it goes over the wire: `metadata` is empty, its page holds visible items. */
export const thread = (id = 'thr_1'): fc.Arbitrary<Thread> =>
  record(
    {
      id: fc.constant(id),
      created_at: timestamp,
      status: fc.oneof<fc.Arbitrary<Thread['status']>[]>(
        fc.constant({ type: 'active' }),
        record({ type: fc.constantFrom('locked' as const, 'closed' as const) }, { reason: text() }),
      ),
      metadata: fc.constant({}),
      items: record(
        { data: fc.uniqueArray(visibleItem(), { selector: (item) => item.id, maxLength: 3 }), has_more: fc.boolean() },
        { after: text() },
      ),
    },
    { title: text(), allowed_image_domains: fc.array(text(), { maxLength: 2 }) },
  ) as fc.Arbitrary<Thread>;

const index = fc.nat(3);

/** Any valid update; nothing says that it fits the item it is for. */
export const threadItemUpdate: fc.Arbitrary<ThreadItemUpdate> = fc.oneof<fc.Arbitrary<ThreadItemUpdate>[]>(
  record({
    type: fc.constantFrom(
      'assistant_message.content_part.added' as const,
      'assistant_message.content_part.done' as const,
    ),
    content_index: index,
    content: assistantContent,
  }) as fc.Arbitrary<ThreadItemUpdate>,
  record({
    type: fc.constant('assistant_message.content_part.text_delta' as const),
    content_index: index,
    delta: text(),
  }),
  record({
    type: fc.constant('assistant_message.content_part.annotation_added' as const),
    content_index: index,
    annotation_index: index,
    annotation,
  }),
  record({
    type: fc.constant('widget.streaming_text.value_delta' as const),
    component_id: componentId,
    delta: text(),
    done: fc.boolean(),
  }),
  record({ type: fc.constant('widget.root.updated' as const), widget: widgetRoot }),
  record({
    type: fc.constant('widget.component.updated' as const),
    component_id: componentId,
    component: widgetComponent,
  }),
  record({
    type: fc.constantFrom('workflow.task.added' as const, 'workflow.task.updated' as const),
    task_index: index,
    task,
  }) as fc.Arbitrary<ThreadItemUpdate>,
  record(
    { type: fc.constant('generated_image.updated' as const), image: generatedImage },
    { progress: fc.integer({ min: 0, max: 4 }).map((quarters) => quarters / 4) },
  ),
);

/** Any valid event, in no particular order. */
export const threadStreamEvent: fc.Arbitrary<ThreadStreamEvent> = fc.oneof(
  {
    weight: 3,
    arbitrary: record({
      type: fc.constantFrom('thread.item.added' as const, 'thread.item.done' as const, 'thread.item.replaced' as const),
      item: threadItem(),
    }) as fc.Arbitrary<ThreadStreamEvent>,
  },
  {
    weight: 5,
    arbitrary: record({
      type: fc.constant('thread.item.updated' as const),
      item_id: itemId,
      update: threadItemUpdate,
    }) as fc.Arbitrary<ThreadStreamEvent>,
  },
  {
    weight: 1,
    arbitrary: fc.oneof<fc.Arbitrary<ThreadStreamEvent>[]>(
      record({
        type: fc.constantFrom('thread.created' as const, 'thread.updated' as const),
        thread: thread(),
      }) as fc.Arbitrary<ThreadStreamEvent>,
      itemId.map(itemRemoved),
      fc.boolean().map((allow) => streamOptions({ allow_cancel: allow })),
      record({ type: fc.constant('progress_update' as const), text: text() }, { icon: text() }),
      record({ type: fc.constant('client_effect' as const), name: text(), data: jsonObject }),
      record({ type: fc.constant('error' as const), code: text(), allow_retry: fc.boolean() }, { message: text() }),
      record(
        {
          type: fc.constant('notice' as const),
          level: fc.constantFrom('info' as const, 'warning' as const, 'danger' as const),
          message: text(),
        },
        { title: text() },
      ),
    ),
  },
);

interface Step {
  kind: number;
  pick: number;
  text: string;
  task: Task;
}

const step: fc.Arbitrary<Step> = record({ kind: fc.nat(11), pick: fc.nat(7), text: text(), task });

/**
 * A legal history of one stream: what a well-behaved server sends, with several items open at once. Each step is turned
 * into the event that is legal where it stands.
 */
export const history: fc.Arbitrary<ThreadStreamEvent[]> = fc
  .record({ thread: thread(), created: fc.boolean(), steps: fc.array(step, { maxLength: 60 }) })
  .map(({ thread: given, created, steps }) => {
    const start: Thread = { ...given, items: { data: [], has_more: false } };
    const base = { thread_id: start.id, created_at: start.created_at };
    const events: ThreadStreamEvent[] = [];
    let state: ThreadState = fromThread(start);
    let items = 0;
    const emit = (event: ThreadStreamEvent) => {
      events.push(event);
      state = reduceThread(state, event);
    };
    const nextId = () => `item_${++items}`;

    if (created) emit(threadCreated(start));
    emit(itemDone(userMessage({ ...base, id: nextId(), text: 'hi' })));
    emit(streamOptions({ allow_cancel: true }));
    /** Parts that were closed by `partDone`: nothing may follow for them. */
    const closed = new Set<string>();
    for (const { kind, pick, text: words, task: job } of steps) {
      const open = selectOpenItems(state);
      const target = open[pick % Math.max(open.length, 1)];
      if (kind === 0) emit(itemAdded(assistantMessage({ ...base, id: nextId() })));
      else if (kind === 1) emit(itemAdded(workflowItem({ ...base, id: nextId() })));
      else if (kind === 2) {
        const widget = { type: 'Card' as const, children: [{ type: 'Text', id: 'a', value: words }] };
        emit(itemAdded(widgetItem({ ...base, id: nextId(), widget })));
      } else if (kind === 3) emit(itemAdded(generatedImageItem({ ...base, id: nextId() })));
      else if (kind === 4) emit(progressUpdate(words));
      else if (kind === 5) emit(threadUpdated({ ...start, title: words }));
      else if (target === undefined) emit(itemDone(assistantMessage({ ...base, id: nextId(), text: words })));
      else if (kind === 6) emit(itemDone(target));
      else if (kind === 7) emit(pick % 2 === 0 ? itemRemoved(target.id) : itemReplaced(target));
      else emit(continueItem(target, { kind, pick, text: words, task: job }, closed));
    }
    for (const item of selectOpenItems(state)) emit(itemDone(item));
    const first = selectItem(state, 'item_1');
    if (first !== undefined) emit(itemReplaced(first));
    return events;
  });

const continueItem = (item: ThreadItem, { kind, pick, text: words, task: job }: Step, closed: Set<string>) => {
  switch (item.type) {
    case 'assistant_message':
      return continueMessage(item, kind, pick, words, closed);
    case 'workflow':
      return kind % 2 === 0 && item.workflow.tasks.length > 0
        ? workflowTaskUpdated(item.id, job, pick % item.workflow.tasks.length)
        : workflowTaskAdded(item.id, job, item.workflow.tasks.length);
    case 'generated_image':
      return generatedImageUpdated(item.id, { id: words, url: 'https://example.com/' }, (pick % 4) / 4);
    case 'widget':
      return kind % 2 === 0
        ? widgetRootUpdated(item.id, item.widget)
        : ({
            type: 'thread.item.updated',
            item_id: item.id,
            update: { type: 'widget.streaming_text.value_delta', component_id: 'a', delta: words, done: false },
          } as ThreadStreamEvent);
    default:
      return itemDone(item);
  }
};

const continueMessage = (
  item: AssistantMessageItem,
  kind: number,
  pick: number,
  words: string,
  closed: Set<string>,
): ThreadStreamEvent => {
  const parts = item.content.length;
  const at = pick % (parts + 1);
  if (closed.has(`${item.id}/${at}`) || (at === parts && kind === 8)) return partAdded(item.id, {}, parts);
  if (kind === 9) {
    closed.add(`${item.id}/${at}`);
    return partDone(item.id, { text: words }, at);
  }
  if (kind === 10) {
    const source = { type: 'file' as const, title: words, filename: words };
    return annotationAdded(item.id, { type: 'annotation', source }, 0, at);
  }
  return textDelta(item.id, words, at);
};
