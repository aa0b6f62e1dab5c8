/**
 * Translates ChatKit events to AG-UI events. Messages, reasoning, client tool calls and questions have counterparts there; every
 * other item becomes an *activity*, sent whole each time it changes; what is not part of the conversation becomes a
 * custom event. The order satisfies the verifier of `@ag-ui/client`: each message is opened once, and nothing follows
 * the end of a run. Source: `@ag-ui/core` 1.0.
 */
import {
  emptyThreadState,
  isHiddenItem,
  messageText,
  reduceThread,
  selectItem,
  type ThreadItem,
  type ThreadItemUpdate,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { type ClientCall, callOf, isCall } from '../shared/client-call.ts';
import { textSuffix } from '../shared/text-suffix.ts';

/** An event of AG-UI: its type and the fields of that type. */
export interface AgUiEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The run that the events belong to, as the client named it. */
export interface AgUiRun {
  readonly threadId: string;
  readonly runId: string;
}

/**
 * Translates one run. An error that the server reports becomes `RUN_ERROR` at the end, instead of `RUN_FINISHED`; an
 * error of the source is thrown. Closing the iterator closes the source.
 *
 * @example
 * for await (const event of toAgUiEvents(events, { threadId, runId })) send(encodeSse({ data: JSON.stringify(event) }));
 */
export async function* toAgUiEvents(
  events: AsyncIterable<ThreadStreamEvent>,
  run: AgUiRun,
): AsyncGenerator<AgUiEvent, void, undefined> {
  yield { type: 'RUN_STARTED', ...run };
  const translator = createTranslator();
  for await (const event of events) yield* translator.translate(event);
  yield* translator.close();
  const { error } = translator.state();
  if (error === undefined) yield { type: 'RUN_FINISHED', ...run };
  else yield { type: 'RUN_ERROR', message: error.message ?? 'The run failed.', code: error.code };
}

/** What the client has seen of an item that may still change. */
interface Shown {
  readonly kind: 'message' | 'reasoning' | 'activity';
  text: string;
}

const createTranslator = () => {
  let state: ThreadState = emptyThreadState;
  const open = new Map<string, Shown>();

  const start = (item: ThreadItem): AgUiEvent[] => {
    const { id: messageId } = item;
    const kind = kindOf(item);
    if (kind === undefined) return [];
    open.set(messageId, { kind, text: '' });
    const growing = grow(item);
    if (kind === 'activity') return growing;
    if (kind === 'message') return [{ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' }, ...growing];
    return [
      { type: 'REASONING_START', messageId },
      { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
      ...growing,
    ];
  };

  /**
   * Sends what the client has not seen of an item yet: of an activity, which changes even when it is done, all of it;
   * of any other open item the text. Text that was rewritten, and not only extended, cannot be sent.
   */
  const grow = (item: ThreadItem): AgUiEvent[] => {
    const shown = open.get(item.id);
    const kind = shown?.kind ?? kindOf(item);
    if (kind === 'activity') return [activity(item)];
    if (shown === undefined || kind === undefined) return [];
    const text = textOf(item);
    const delta = textSuffix(shown.text, text);
    if (delta === undefined || delta === '') return [];
    shown.text = text;
    return [{ type: contentType[kind], messageId: item.id, delta }];
  };

  const end = (id: string): AgUiEvent[] => {
    const kind = open.get(id)?.kind;
    open.delete(id);
    if (kind === 'message') return [{ type: 'TEXT_MESSAGE_END', messageId: id }];
    if (kind !== 'reasoning') return [];
    return [
      { type: 'REASONING_MESSAGE_END', messageId: id },
      { type: 'REASONING_END', messageId: id },
    ];
  };

  const done = (item: ThreadItem): AgUiEvent[] => {
    if (isCall(item)) return toolCall(callOf(item));
    const events = open.has(item.id) ? grow(item) : start(item);
    return [...events, ...annotations(item), ...end(item.id)];
  };

  const update = (id: string, change: ThreadItemUpdate): AgUiEvent[] => {
    // The hot path: a delta of an open message is sent without building the message.
    const shown = open.get(id);
    if (shown?.kind === 'message' && change.type === 'assistant_message.content_part.text_delta') {
      shown.text += change.delta;
      return change.delta === '' ? [] : [{ type: contentType.message, messageId: id, delta: change.delta }];
    }
    const item = selectItem(state, id);
    return item === undefined ? [] : grow(item);
  };

  return {
    state: () => state,
    close: (): AgUiEvent[] => [...open.keys()].flatMap(end),
    translate(event: ThreadStreamEvent): AgUiEvent[] {
      state = reduceThread(state, event);
      switch (event.type) {
        case 'thread.item.added':
          return start(event.item);
        case 'thread.item.updated':
          return update(event.item_id, event.update);
        case 'thread.item.done':
          return done(event.item);
        case 'thread.item.replaced':
          return open.has(event.item.id) || kindOf(event.item) === 'activity'
            ? grow(event.item)
            : [custom(event.type, { item: event.item })];
        case 'thread.item.removed':
          return [...end(event.item_id), custom(event.type, { item_id: event.item_id })];
        case 'thread.created':
        case 'thread.updated':
          return [custom(event.type, { thread: event.thread })];
        case 'progress_update':
        case 'client_effect':
        case 'notice': {
          const { type, ...value } = event;
          return [custom(type, value)];
        }
        default:
          // Stream options have no counterpart. An error is sent when the run ends.
          return [];
      }
    },
  };
};

/** What an item is to the client; `undefined` for its own messages, what is hidden, and calls. */
const kindOf = (item: ThreadItem): Shown['kind'] | undefined => {
  if (item.type === 'assistant_message') return 'message';
  if (item.type === 'workflow' && item.workflow.type === 'reasoning') return 'reasoning';
  const isShown = item.type !== 'user_message' && item.type !== 'end_of_turn' && !isHiddenItem(item) && !isCall(item);
  return isShown ? 'activity' : undefined;
};

const contentType = { message: 'TEXT_MESSAGE_CONTENT', reasoning: 'REASONING_MESSAGE_CONTENT' } as const;

const textOf = (item: ThreadItem): string => {
  if (item.type === 'assistant_message') return messageText(item) ?? '';
  if (item.type !== 'workflow') return '';
  return item.workflow.tasks.map((task) => (task.type === 'thought' ? task.content : (task.title ?? ''))).join('\n\n');
};

/** The whole item, because activities are replaced, not patched. */
const activity = (item: ThreadItem): AgUiEvent => {
  const { id: messageId, type: activityType, thread_id: _thread, created_at: _created, ...content } = item;
  return { type: 'ACTIVITY_SNAPSHOT', messageId, activityType, content, replace: true };
};

const toolCall = ({ id: toolCallId, name: toolCallName, input, isPending }: ClientCall): AgUiEvent[] =>
  isPending
    ? [
        { type: 'TOOL_CALL_START', toolCallId, toolCallName },
        { type: 'TOOL_CALL_ARGS', toolCallId, delta: JSON.stringify(input) },
        { type: 'TOOL_CALL_END', toolCallId },
      ]
    : [];

const annotations = (item: ThreadItem): AgUiEvent[] => {
  if (item.type !== 'assistant_message') return [];
  const found = item.content.flatMap((part) => part.annotations);
  return found.length === 0 ? [] : [custom('annotations', { item_id: item.id, annotations: found })];
};

const custom = (name: string, value: unknown): AgUiEvent => ({ type: 'CUSTOM', name, value });
