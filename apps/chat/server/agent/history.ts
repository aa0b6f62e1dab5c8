/** The thread so far: from stored items to turns, and to what the model is sent. */

import { ThreadItemConverter } from '@chatkit/agents';
import type { HiddenContextItem, Store, ThreadItem, UserMessageItem, WorkflowItem } from '@chatkit/core';
import type { AgentInputItem } from '@openai/agents';
import type { PastTurn } from '../knowledge/read-question.ts';
import { toContent } from './attached.ts';

/** How many items are read back: enough for "it" and "more", and a bound on what a model is sent. */
const MAX_ITEMS = 40;

/** The newest items of a thread, oldest first, hidden ones included. */
export const loadItems = async <Context>(
  store: Store<Context>,
  threadId: string,
  context: Context,
): Promise<ThreadItem[]> => {
  const page = await store.listItems(threadId, { limit: MAX_ITEMS, order: 'desc' }, context);
  return page.data.toReversed();
};

/** Groups items to turns; each begins with a message of the user. */
export const toTurns = (items: readonly ThreadItem[]): PastTurn[] => {
  const turns: { question: string; sourceUrls: string[] }[] = [];
  for (const item of items) {
    if (item.type === 'user_message') turns.push({ question: textOf(item), sourceUrls: [] });
    if (item.type !== 'assistant_message') continue;
    for (const { source } of item.content.flatMap((part) => part.annotations))
      if (source.type === 'url') turns.at(-1)?.sourceUrls.push(source.url);
  }
  return turns;
};

/** What the user wrote, tags included. */
export const textOf = (message: UserMessageItem): string => message.content.map((part) => part.text).join(' ');

/**
 * What the user did in a widget reaches the model as a note that begins so; the rest of it is for the model to answer.
 */
export const CLICKED = 'The user clicked on ';

/** Of a thread, the model gets what was said and done. How an answer came about is of no use to the next one. */
class DemoItemConverter extends ThreadItemConverter {
  readonly #read: ReadFile;

  constructor(read: ReadFile) {
    super();
    this.#read = read;
  }

  override async userMessageToInput(item: UserMessageItem, isLastMessage?: boolean): Promise<AgentInputItem[]> {
    if (item.attachments.length === 0) return super.userMessageToInput(item, isLastMessage);
    const files = await Promise.all(item.attachments.map(async (each) => toContent(each, await this.#read(each.id))));
    return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: textOf(item) }, ...files.flat()] }];
  }

  override workflowToInput(_item: WorkflowItem): AgentInputItem[] {
    return [];
  }

  override hiddenContextToInput(item: HiddenContextItem): AgentInputItem[] {
    return [{ type: 'message', role: 'user', content: String(item.content) }];
  }
}

/** The bytes of an attachment; `undefined`: they are gone. */
export type ReadFile = (attachmentId: string) => Promise<Uint8Array | undefined>;

/** The input for the agent: the items that a model can be told of, oldest first. */
export const toInput = (items: readonly ThreadItem[], read: ReadFile): Promise<AgentInputItem[]> =>
  new DemoItemConverter(read).toAgentInput(items);
