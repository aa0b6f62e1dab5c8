/**
 * The user's message before the server has confirmed it (an optimistic update). It is shown at once, under a local id,
 * and replaced by the server's message: the protocol has no client ids, so that is the first user message that the run
 * reports as done. A message that could not be sent stays, marked, until it is sent again or the thread shows that it
 * arrived after all.
 */
import {
  type Attachment,
  type ChatKitRequestInput,
  createId,
  selectItems,
  type ThreadItem,
  type ThreadState,
  type ThreadStreamEvent,
  type UserMessageContent,
  type UserMessageItem,
  userMessage,
} from '@chatkit/core';
import { must } from './must.ts';

/** A message to send: `text`, or `content` for messages with tags. The rest is as in the protocol. */
export interface UserMessageInputLike {
  /** Shorthand for one text part. */
  text?: string | undefined;
  /** The parts; takes precedence over `text`. */
  content?: UserMessageContent[] | undefined;
  /** Attachments, or their ids. Only ids are sent. */
  attachments?: readonly (Attachment | string)[] | undefined;
  quoted_text?: string | undefined;
  inference_options?: { tool_choice?: { id: string } | undefined; model?: string | undefined } | undefined;
}

/** A message on its way. */
export interface OutgoingMessage {
  /** The run that carries it. Sent again under the same run id, it cannot arrive twice. */
  readonly runId: string;
  readonly item: UserMessageItem;
  readonly input: WireInput;
  readonly state: 'sending' | 'failed';
}

/** The message as sent in a request. */
export type WireInput = Extract<ChatKitRequestInput, { type: 'threads.create' }>['params']['input'];

/** Makes the message that is shown until the server's own comes. */
export const createOutgoing = (
  input: string | UserMessageInputLike,
  runId: string,
  threadId: string | undefined,
): OutgoingMessage => {
  const {
    text,
    content,
    attachments = [],
    quoted_text,
    inference_options,
  } = (typeof input === 'string' ? { text: input } : Object(input)) as UserMessageInputLike;
  const parts: UserMessageContent[] = content ?? (text ? [{ type: 'input_text', text }] : []);
  // Without types it may be nothing, or the event of a button whose handler is `send` itself.
  must(
    Array.isArray(parts) && Array.isArray(attachments) && parts.length + attachments.length > 0,
    "There is no message to send. Write send('Hello') or send({ text, attachments })",
  );
  return {
    runId,
    state: 'sending',
    item: userMessage({
      id: createId('message').replace('msg_', 'local_'),
      thread_id: threadId ?? '',
      content: parts,
      attachments: attachments.filter((attachment) => typeof attachment !== 'string'),
      quoted_text,
      inference_options,
    }),
    input: {
      content: parts,
      attachments: attachments.map((attachment) => (typeof attachment === 'string' ? attachment : attachment?.id)),
      inference_options: inference_options ?? {},
      quoted_text,
    },
  };
};

/** The request that sends a message; without a thread id it creates a thread. */
export const deliveryOf = (input: WireInput, thread_id: string | undefined): ChatKitRequestInput =>
  thread_id === undefined
    ? { type: 'threads.create', params: { input } }
    : { type: 'threads.add_user_message', params: { thread_id, input } };

/** Whether these events include the message that started the run. */
export const confirmsMessage = (events: readonly ThreadStreamEvent[]): boolean => events.some(isMessageDone);

/** The events up to and including that message; none if it is not among them. */
export const untilMessage = (events: readonly ThreadStreamEvent[]): readonly ThreadStreamEvent[] =>
  events.slice(0, events.findIndex(isMessageDone) + 1);

const isMessageDone = (event: ThreadStreamEvent): boolean =>
  event.type === 'thread.item.done' && event.item?.type === 'user_message';

/**
 * The request to answer the user's last message again, or the one with this id, in the words of `input` if there are
 * any. The server removes what follows it; but nothing if the last one here turns out not to be the last one there.
 * `undefined` if no such message is loaded.
 */
export const answerAnew = (thread: ThreadState, id?: string, input?: WireInput): AnswerAnew | undefined => {
  const message = selectItems(thread).findLast(
    (item) => item.type === 'user_message' && (id === undefined || item.id === id),
  );
  return (
    message && {
      type: 'threads.retry_after_item',
      params: { thread_id: message.thread_id, item_id: message.id, input, if_newest: id === undefined || undefined },
    }
  );
};

export type AnswerAnew = Extract<ChatKitRequestInput, { type: 'threads.retry_after_item' }>;

/**
 * The messages of `outbox` without those that turn out to be stored, judging by `items`, the thread's new items. Each
 * item accounts for one message: by the run id inside the item's id where the server puts it there, otherwise by equal
 * content. Only messages for which `isDoubtful` is true are considered.
 */
export const withoutArrived = (
  outbox: readonly OutgoingMessage[],
  items: readonly ThreadItem[],
  isDoubtful: (message: OutgoingMessage) => boolean,
): readonly OutgoingMessage[] => {
  const left = items.filter((item) => item.type === 'user_message');
  return outbox.filter((message) => {
    const at = left.findIndex((item) => isDoubtful(message) && isStored(message, item));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
};

/**
 * Whether a stored item is this message. Our server's ids have the form `msg_<thread>_<digits of the run id>`; with ids
 * of another form, the content is compared.
 */
const isStored = ({ runId, item, input }: OutgoingMessage, stored: UserMessageItem): boolean => {
  const digits = stored.id.split(`${stored.thread_id.slice(4)}_`)[1];
  return digits?.length === 24
    ? runId.endsWith(digits)
    : gistOf(
        stored,
        stored.attachments?.map(({ id }) => id),
      ) === gistOf(item, input.attachments);
};

/** The essence of a message, for comparison: a server fills in defaults and drops fields that it does not know. */
const gistOf = ({ content, quoted_text }: UserMessageItem, attachments: readonly string[] | null | undefined): string =>
  JSON.stringify([content?.map(({ text }) => text), quoted_text ?? '', attachments ?? []]);
