/**
 * Finds the stored message that a client means by its own id of it. The stored one either has that id, as after a
 * reload of the page, or has the digits of the message's name in its id (for an edited one, the first half of them).
 * Otherwise the newest one with the same text is taken, for messages without a name and for servers that do not use it:
 * only after all of the thread has been looked through, because people do say the same thing twice.
 */
import { messageText, type ThreadItem, type UserMessageItem } from '@chatkit/core';

/** What is known of a message. */
export interface Sought {
  /** The digits of its name, after an underscore: 12 of what its client calls it, 12 of what it says. */
  readonly digits: string | undefined;
  /** Its client's id. */
  readonly id: string | undefined;
  /** Whether it may have other words by now. */
  readonly isEdited: boolean;
  /** Its text, if any message with this text will do. */
  readonly text: string | undefined;
}

/** The id of the message in `pages`, which begin with the newest item. */
export const findMessage = async (
  pages: AsyncIterable<readonly ThreadItem[]>,
  { digits, id, isEdited, text }: Sought,
): Promise<string | undefined> => {
  const isSame = [
    (item: UserMessageItem) => digits !== undefined && item.id.endsWith(digits),
    (item: UserMessageItem) => item.id === id,
    // An edit gives a message other words, and leaves it its id.
    (item: UserMessageItem) => isEdited && digits !== undefined && item.id.slice(-25).startsWith(digits.slice(0, 13)),
  ];
  let alike: string | undefined;
  for await (const page of pages) {
    const messages = page.filter((item) => item.type === 'user_message');
    const found = isSame.map((test) => messages.find(test)?.id).find((each) => each !== undefined);
    if (found !== undefined) return found;
    if (text !== undefined) alike ??= messages.find((item) => messageText(item) === text)?.id;
  }
  return alike;
};
