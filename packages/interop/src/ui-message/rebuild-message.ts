/**
 * The chunks of an answer that a client comes back to. It begins the message anew at the first `start`, so the stream
 * has all of it: what is stored from before the run, in whole parts, then the run from its beginning. There is no
 * `start` before the message's id is known: a client would make a message of it.
 */
import type { ThreadItem, ThreadStreamEvent } from '@chatkit/core';
import { chunksOfRun, startOf, type UiMessageChunk, type UiMessageChunksOptions } from './to-ui-message-chunks.ts';
import { itemsBefore, toUiMessage } from './to-ui-messages.ts';
import { isOfMessage, type UiPart } from './ui-parts.ts';

export interface RebuildOptions {
  /** What is stored after the user's last message, oldest first. Asked when the run has its first item. */
  readonly itemsSoFar: () => Promise<readonly ThreadItem[]>;
  /** As in `toUiMessageChunks`; called with the items of the whole message. */
  readonly messageMetadata?: UiMessageChunksOptions['messageMetadata'];
}

/** Translates one run, whose events come from its beginning. */
export async function* rebuildMessage(
  events: AsyncIterable<ThreadStreamEvent>,
  { itemsSoFar, messageMetadata }: RebuildOptions,
): AsyncGenerator<UiMessageChunk, void, undefined> {
  let earlier: readonly ThreadItem[] = [];
  let isBegun = false;
  const begin = async (first: ThreadItem | undefined): Promise<UiMessageChunk[]> => {
    isBegun = true;
    if (first === undefined) return [{ type: 'start' }];
    earlier = itemsBefore(first, await itemsSoFar()).filter(isOfMessage);
    const [oldest, ...others] = earlier;
    if (oldest === undefined) return [await startOf([first], messageMetadata)];
    return [
      await startOf([oldest, ...others], messageMetadata),
      ...toUiMessage([oldest, ...others]).parts.flatMap(chunksOfPart),
    ];
  };
  /** Without what the run did to earlier items before its first own one: `itemsSoFar` has them as they are now. */
  async function* ownEvents(): AsyncGenerator<ThreadStreamEvent, void, undefined> {
    const isStored = async (id: string) => (await itemsSoFar()).some((item) => item.id === id);
    for await (const event of events) {
      if (isBegun || event.type !== 'thread.item.replaced' || !(await isStored(event.item.id))) yield event;
    }
  }
  const ofWhole =
    messageMetadata && ((items: readonly ThreadItem[]) => messageMetadata([...earlier, ...items.filter(isNew)]));
  const isNew = ({ id }: ThreadItem): boolean => earlier.every((item) => item.id !== id);
  yield* chunksOfRun(ownEvents(), begin, ofWhole);
}

/** The chunks that make a client have a part. */
const chunksOfPart = (part: UiPart, index: number): UiPart[] => {
  const { type, text: delta, toolCallId, input, state, output } = part;
  if (type === 'step-start') return [{ type: 'start-step' }];
  if (type === 'text' || type === 'reasoning') {
    const id = part.id ?? `part_${index}`;
    return [
      { type: `${type}-start`, id },
      { type: `${type}-delta`, id, delta },
      { type: `${type}-end`, id },
    ];
  }
  if (toolCallId === undefined) return [part];
  const toolName = type.slice('tool-'.length);
  if (state === 'input-available') return [{ type: 'tool-input-available', toolCallId, toolName, input }];
  // Not `tool-input-available`: at that the page would run the tool again.
  return [
    { type: 'tool-input-start', toolCallId, toolName },
    { type: 'tool-input-delta', toolCallId, inputTextDelta: JSON.stringify(input) },
    { type: 'tool-output-available', toolCallId, output },
  ];
};
