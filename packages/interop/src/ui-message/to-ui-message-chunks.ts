/**
 * Translates ChatKit events to chunks of the AI SDK's UI message stream. There the whole turn is one message: text,
 * reasoning, sources, images, client tool calls and questions are its parts, in order; everything else is a `data-*` part, sent
 * whole each time it changes. Source: `UIMessageChunk` of `ai` 7.0.
 */
import {
  emptyThreadState,
  reduceThread,
  selectItem,
  selectItems,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
} from '@chatkit/core';
import { callOf, isCall } from '../shared/client-call.ts';
import { textSuffix } from '../shared/text-suffix.ts';
import { type Block, blockKind, dataPart, imagePart, isOfMessage, sourcePart, sourcesOf, textOf } from './ui-parts.ts';

/** A chunk: its type and the fields of that type. */
export interface UiMessageChunk {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The options of {@link toUiMessageChunks}. */
export interface UiMessageChunksOptions {
  /** Whether the run continues the message that the client has, which keeps its id. Default: it is a new message. */
  continues?: boolean | undefined;
  /**
   * Returns the message's `metadata`. Called with the first item of the run, unless the run continues a message, and at
   * the end with all items. Its errors are thrown. Default: none.
   */
  messageMetadata?: ((items: readonly ThreadItem[]) => unknown) | undefined;
}

/**
 * Translates one run. The message has the id of its first item. An error that the server reports becomes an `error`
 * chunk at the end, because a page reads no further; an error of the source is thrown. Closing the iterator closes the
 * source.
 *
 * @example
 * for await (const chunk of toUiMessageChunks(events)) send(encodeSse({ data: JSON.stringify(chunk) }));
 * send(encodeSse({ data: '[DONE]' }));
 */
export async function* toUiMessageChunks(
  events: AsyncIterable<ThreadStreamEvent>,
  { continues = false, messageMetadata }: UiMessageChunksOptions = {},
): AsyncGenerator<UiMessageChunk, void, undefined> {
  // At once, so that the answer has a first byte; the first item, whose id the message has, may be long in coming.
  yield { type: 'start' };
  const begin = async (first: ThreadItem | undefined) =>
    first === undefined || continues ? [] : [await startOf([first], messageMetadata)];
  yield* chunksOfRun(events, begin, messageMetadata);
}

/** The chunk that names a message, which begins with `items`. */
export const startOf = async (
  items: readonly [ThreadItem, ...ThreadItem[]],
  messageMetadata: UiMessageChunksOptions['messageMetadata'],
): Promise<UiMessageChunk> => ({
  type: 'start',
  messageId: items[0].id,
  messageMetadata: await messageMetadata?.(items),
});

/**
 * The chunks of a run. `begin` returns those that come before its first part, which belongs to the item `first`; there
 * is none if all that the run has are notices.
 */
export async function* chunksOfRun(
  events: AsyncIterable<ThreadStreamEvent>,
  begin: (first: ThreadItem | undefined) => Promise<readonly UiMessageChunk[]>,
  messageMetadata: UiMessageChunksOptions['messageMetadata'],
): AsyncGenerator<UiMessageChunk, void, undefined> {
  const translator = createTranslator();
  let isBegun = false;
  /** Parts from before the first item. They wait for it, because the message has its id. */
  const early: UiMessageChunk[] = [];
  const parts = async (): Promise<UiMessageChunk[]> => {
    isBegun = true;
    // Before a step: readers of the SDK begin anew where the id is another.
    return [...(await begin(translator.items()[0])), { type: 'start-step' }, ...early.splice(0)];
  };
  for await (const event of events) {
    const chunks = translator.translate(event);
    if (isBegun) {
      yield* chunks;
      continue;
    }
    early.push(...chunks.filter(isPart));
    // At the first item, though it may have no parts yet: if it is removed, a page that is loaded later must name the
    // message as this one does.
    if (translator.items().length > 0) yield* await parts();
    yield* chunks.filter((chunk) => !isPart(chunk));
  }
  const items = translator.items();
  if (!isBegun && early.length + items.length > 0) yield* await parts();
  if (!isBegun) yield { type: 'start-step' };
  yield* translator.close();
  const error = translator.error();
  if (error !== undefined) yield { type: 'error', errorText: error.message ?? 'The run failed.' };
  yield { type: 'finish-step' };
  yield {
    type: 'finish',
    finishReason: translator.finishReason(),
    messageMetadata: items.length === 0 ? undefined : await messageMetadata?.(items),
  };
}

/** The item that a run's message begins with, as soon as the run has said it. */
export const firstItemOf = async (events: AsyncIterable<ThreadStreamEvent>): Promise<ThreadItem | undefined> => {
  let item: ThreadItem | undefined;
  const begin = async (first: ThreadItem | undefined) => {
    item = first;
    return [];
  };
  for await (const _ of chunksOfRun(events, begin, undefined)) if (item !== undefined) break;
  return item;
};

const isPart = ({ transient }: UiMessageChunk): boolean => transient !== true;

/** A text block that the client has open. */
interface Open {
  readonly kind: Block;
  text: string;
}

const createTranslator = () => {
  let state: ThreadState = emptyThreadState;
  const blocks = new Map<string, Open>();
  let sources = 0;

  const write = (item: ThreadItem): UiMessageChunk[] => {
    const kind = blockKind(item);
    // Whole, each time: a part of this kind is replaced, not patched.
    if (kind === undefined) return isData(item) ? [dataPart(item)] : [];
    const started: UiMessageChunk[] = blocks.has(item.id) ? [] : [{ type: `${kind}-start`, id: item.id }];
    const block = blocks.get(item.id) ?? { kind, text: '' };
    blocks.set(item.id, block);
    const text = textOf(item);
    const delta = textSuffix(block.text, text) ?? '';
    if (delta !== '') block.text = text;
    return delta === '' ? started : [...started, { type: `${kind}-delta`, id: item.id, delta }];
  };

  const end = (id: string): UiMessageChunk[] => {
    const block = blocks.get(id);
    blocks.delete(id);
    return block === undefined ? [] : [{ type: `${block.kind}-end`, id }];
  };

  const done = (item: ThreadItem): UiMessageChunk[] => {
    if (!isOfMessage(item)) return [];
    if (isCall(item)) {
      const { id: toolCallId, name: toolName, input, isPending } = callOf(item);
      return isPending ? [{ type: 'tool-input-available', toolCallId, toolName, input }] : [];
    }
    if (item.type === 'generated_image') return item.image === undefined ? [] : [imagePart(item.image.url)];
    return [...write(item), ...end(item.id), ...sourcesOf(item).map((found) => sourcePart(found, sources++))];
  };

  return {
    close: (): UiMessageChunk[] => [...blocks.keys()].flatMap(end),
    /** What the message is made of so far. */
    items: (): readonly ThreadItem[] => selectItems(state).filter(isOfMessage),
    error: () => state.error,
    finishReason: (): string => {
      if (state.error !== undefined) return 'error';
      const waits = selectItems(state).some((item) => isCall(item) && callOf(item).isPending);
      return waits ? 'tool-calls' : 'stop';
    },
    translate(event: ThreadStreamEvent): UiMessageChunk[] {
      state = reduceThread(state, event);
      switch (event.type) {
        case 'thread.item.added':
          return isOfMessage(event.item) ? write(event.item) : [];
        case 'thread.item.updated': {
          const { item_id: id, update } = event;
          const block = blocks.get(id);
          // The hot path: a delta of an open message is sent without building the message.
          if (block !== undefined && update.type === 'assistant_message.content_part.text_delta') {
            block.text += update.delta;
            return update.delta === '' ? [] : [{ type: 'text-delta', id, delta: update.delta }];
          }
          const item = selectItem(state, id);
          return item === undefined || (block === undefined && !isData(item)) ? [] : write(item);
        }
        case 'thread.item.done':
          return done(event.item);
        case 'thread.item.replaced':
          // A completed call is not sent, because the client itself provided the output.
          return isCall(event.item) || !isOfMessage(event.item) ? [] : [dataPart(event.item)];
        case 'thread.item.removed':
          return end(event.item_id);
        case 'progress_update':
          return [{ type: 'data-progress', data: { text: event.text, icon: event.icon }, transient: true }];
        case 'notice':
          return [{ type: 'data-notice', data: { level: event.level, title: event.title, message: event.message } }];
        case 'client_effect':
          return [{ type: 'data-effect', data: { name: event.name, data: event.data }, transient: true }];
        case 'thread.created':
        case 'thread.updated':
          return [{ type: 'data-thread', data: { id: event.thread.id, title: event.thread.title }, transient: true }];
        default:
          // An error is sent when the run ends.
          return [];
      }
    },
  };
};

/** Whether an item is a `data-*` part: it has no counterpart of its own. */
const isData = (item: ThreadItem): boolean => !isCall(item) && !withCounterpart.has(item.type);

const withCounterpart: ReadonlySet<ThreadItem['type']> = new Set(['assistant_message', 'generated_image']);
