/**
 * The user's message before the server has told of it. It is shown at once, under an id of its own; the server's message
 * takes its place (the protocol has no client id, so it is the first user message that the run finishes). A message that
 * could not be sent stays, marked, until it is sent again, or until the thread shows that it has arrived after all.
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

/** A message as an application writes it: `text`, or `content` for tags; the rest as on the wire. */
export interface UserMessageInputLike {
  /** Short for one text part. */
  text?: string | undefined;
  /** The parts; wins over `text`. */
  content?: UserMessageContent[] | undefined;
  /** Attachments, or their ids. Only ids are sent. */
  attachments?: readonly (Attachment | string)[] | undefined;
  quoted_text?: string | undefined;
  inference_options?: { tool_choice?: { id: string }; model?: string } | undefined;
}

/** A message on its way. */
export interface OutgoingMessage {
  /** The run that carries it. Sent again under the same id, it cannot arrive twice. */
  readonly runId: string;
  readonly item: UserMessageItem;
  readonly input: WireInput;
  readonly state: 'sending' | 'failed';
}

/** What goes over the wire. */
export type WireInput = Extract<ChatKitRequestInput, { type: 'threads.create' }>['params']['input'];

/** The message that `send(input)` shows until the server's comes. */
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
  } = typeof input === 'string' ? ({ text: input } as UserMessageInputLike) : input;
  const parts: UserMessageContent[] = content ?? (text === undefined ? [] : [{ type: 'input_text', text }]);
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
      attachments: attachments.map((attachment) => (typeof attachment === 'string' ? attachment : attachment.id)),
      inference_options: inference_options ?? {},
      quoted_text,
    },
  };
};

/** The request that carries a message; without a thread it begins one. */
export const deliveryOf = (input: WireInput, thread_id: string | undefined): ChatKitRequestInput =>
  thread_id === undefined
    ? { type: 'threads.create', params: { input } }
    : { type: 'threads.add_user_message', params: { thread_id, input } };

/** Whether these events tell of the message that the run was started with. */
export const confirmsMessage = (events: readonly ThreadStreamEvent[]): boolean => events.some(isMessageDone);

/** The events up to the one that tells of it; none without one. */
export const untilMessage = (events: readonly ThreadStreamEvent[]): readonly ThreadStreamEvent[] =>
  events.slice(0, events.findIndex(isMessageDone) + 1);

const isMessageDone = (event: ThreadStreamEvent): boolean =>
  event.type === 'thread.item.done' && event.item?.type === 'user_message';

/** The request to answer the user's last message once more; what follows it goes. `undefined` where there is none. */
export const answerAnew = (thread: ThreadState): AnswerAnew | undefined => {
  const message = selectItems(thread).findLast((item) => item.type === 'user_message');
  return (
    message && {
      type: 'threads.retry_after_item',
      params: { thread_id: message.thread_id, item_id: message.id },
    }
  );
};

type AnswerAnew = Extract<ChatKitRequestInput, { type: 'threads.retry_after_item' }>;

/**
 * The messages of `outbox` that are not among `items`, which are new on the screen. Each item stands for one message: that of the
 * run in its id where the server names it there, else one that says the same. `isDoubtful` tells of which messages it is not known
 * whether they arrived.
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
 * Whether an item is a message. Its id is `msg_<thread>_<digits of the run>`; ids of other forms are other servers', or
 * an application's own.
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

/** What a user has said, however it is written down: a server fills in defaults, and drops what it does not know. */
const gistOf = ({ content, quoted_text }: UserMessageItem, attachments: readonly string[] | null | undefined): string =>
  JSON.stringify([content?.map(({ text }) => text), quoted_text ?? '', attachments ?? []]);
