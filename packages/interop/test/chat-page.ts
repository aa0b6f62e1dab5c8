import { AbstractChat, type ChatInit, type ChatState, type ChatStatus, type UIMessage } from 'ai';

/** The chat of `useChat` without React around it: what a page has, one for each load of the page. */
export class ChatPage extends AbstractChat<UIMessage> {
  constructor({ messages = [], ...init }: ChatInit<UIMessage>) {
    super({ ...init, state: stateOf(messages) });
  }

  /** Everything, as it would be after a trip over the wire. */
  shown(): UIMessage[] {
    return JSON.parse(JSON.stringify(this.messages));
  }
}

const stateOf = (messages: UIMessage[]): ChatState<UIMessage> => ({
  status: 'ready' as ChatStatus,
  error: undefined,
  messages,
  pushMessage(message) {
    this.messages = [...this.messages, message];
  },
  popMessage() {
    this.messages = this.messages.slice(0, -1);
  },
  replaceMessage(index, message) {
    this.messages = this.messages.with(index, structuredClone(message));
  },
  snapshot: (thing) => structuredClone(thing),
});
