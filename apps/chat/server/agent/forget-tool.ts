/** A tool that cannot be undone, so a person has to allow it: it deletes what was said before the current question. */
import type { ThreadItem } from '@chatkit/core';
import { itemRemoved } from '@chatkit/core';
import { type RunContext, tool } from '@openai/agents';
import { z } from 'zod';
import { contextOf, type DemoContext } from './demo-context.ts';

export const FORGET = 'forget_conversation';

/** Deletes every item before the user's last message. The run waits until the user has approved. */
export const forgetTool = tool({
  name: FORGET,
  description: 'Deletes everything that was said in this conversation so far. The user is asked for approval first.',
  parameters: z.object({}),
  needsApproval: true,
  async execute(_input, run: RunContext<DemoContext> | undefined) {
    const context = contextOf(run);
    const items = await earlierItems(context);
    for (const { id } of items) context.stream(itemRemoved(id));
    const messages = items.filter((item) => item.type === 'user_message' || item.type === 'assistant_message').length;
    return JSON.stringify({ deleted_messages: messages });
  },
});

const earlierItems = async ({ store, thread, requestContext }: DemoContext): Promise<ThreadItem[]> => {
  const items: ThreadItem[] = [];
  let after: string | undefined;
  do {
    const page = await store.listItems(thread.id, { limit: 100, order: 'desc', after }, requestContext);
    items.push(...page.data);
    after = page.has_more ? page.after : undefined;
  } while (after !== undefined);
  const question = items.findIndex((item) => item.type === 'user_message');
  return question === -1 ? [] : items.slice(question + 1);
};
