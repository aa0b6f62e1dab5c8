/** The demo's ChatKit server: what each request of the page means for the agent. */
import { applyApprovals, takeApprovalState } from '@chatkit/agents';
import {
  type Action,
  hiddenContext,
  isChatKitError,
  itemDone,
  itemReplaced,
  messageText,
  type StructuredInputItem,
  type ThreadItem,
  type ThreadMetadata,
  type ThreadStreamEvent,
  taskItem,
  type UserMessageItem,
} from '@chatkit/core';
import { ChatKitServer, type ChatKitServerOptions, type RunContext } from '@chatkit/server';
import { RunContext as AgentRunContext, RunState } from '@openai/agents';
import { INTERRUPTED, STOPPED } from '../shared/endings.ts';
import type { DemoAgent } from './agent/create-agent.ts';
import { DemoContext } from './agent/demo-context.ts';
import { CLICKED, loadItems, textOf, toInput, toTurns } from './agent/history.ts';
import { OPEN_PACKAGE } from './agent/packages-tool.ts';
import { type DemoRunOptions, streamRun } from './agent/run-agent.ts';
import type { Visitor } from './anonymous-user.ts';
import type { Files } from './files/create-files.ts';
import { logged } from './logged.ts';
import { threadTitle } from './thread-title.ts';

export interface AssistantOptions extends ChatKitServerOptions<Visitor>, DemoRunOptions {
  /** Visitors' files; absent: they cannot attach any. */
  readonly uploads?: Files;
  /** Gets one line for each answer, without what was asked. */
  readonly onEnd: (line: string) => void;
}

export class Assistant extends ChatKitServer<Visitor> {
  readonly #run: DemoRunOptions;
  readonly #uploads: Files | undefined;
  readonly #onEnd: (line: string) => void;

  constructor({ agent, converter, model, uploads, onEnd, ...options }: AssistantOptions) {
    super({ ...options, attachmentStore: uploads });
    this.#uploads = uploads;
    this.#run = { agent, converter, model };
    this.#onEnd = onEnd;
  }

  override respond(thread: ThreadMetadata, input: UserMessageItem | null, visitor: Visitor, run: RunContext) {
    if (input !== null) thread.title ??= threadTitle(textOf(input) || namesOf(input));
    return logged(this.#answer(thread, input, visitor, run), run.signal, this.#onEnd);
  }

  /** A row of the list of packages was clicked: the agent says what the package is for. */
  override action(
    thread: ThreadMetadata,
    action: Action,
    sender: ThreadItem | null,
    visitor: Visitor,
    run: RunContext,
  ) {
    const name = action.type === OPEN_PACKAGE && sender !== null ? nameIn(action.payload) : undefined;
    if (name === undefined) return super.action(thread, action, null, visitor, run);
    return logged(this.#explain(thread, name, visitor, run), run.signal, this.#onEnd);
  }

  /**
   * That an answer is not whole stays visible: a line in the thread, for this page, its other tabs, and after a reload.
   * Nothing else in a store tells half an answer, which is kept, from a whole one.
   */
  override async handleStreamCancelled(
    thread: ThreadMetadata,
    pending: readonly ThreadItem[],
    visitor: Visitor,
    run: RunContext,
  ): Promise<readonly ThreadItem[]> {
    const added = (await super.handleStreamCancelled(thread, pending, visitor, run)) ?? [];
    const { reason } = run.signal;
    const cause = isChatKitError(reason) ? reason.details?.['cause'] : undefined;
    const byUser = cause === 'cancel' || cause === 'superseded';
    // A question without any answer shows that by itself, and nobody waits for what is left by closing it.
    if (!byUser && (cause === 'disconnect' || !pending.some(isAnswer))) return added;
    const task = { type: 'custom', status_indicator: 'none', title: byUser ? STOPPED : INTERRUPTED } as const;
    return [...added, taskItem({ thread_id: thread.id, task })];
  }

  async *#answer(
    thread: ThreadMetadata,
    input: UserMessageItem | null,
    visitor: Visitor,
    run: RunContext,
  ): AsyncGenerator<ThreadStreamEvent, void, void> {
    const items = await loadItems(this.store, thread.id, visitor);
    const context = this.#contextOf(thread, items, visitor, run);
    const waiting = takeApprovalState(context);
    const last = items.at(-1);
    if (input === null && last?.type === 'structured_input') {
      if (waiting === undefined) return;
      const state = await restore(this.#run.agent, waiting, context);
      applyApprovals(state, last);
      yield* streamRun(context, state, this.#run);
      return;
    }
    // A message instead of an answer: the question is over.
    if (waiting !== undefined) yield* skipQuestions(items);
    yield* streamRun(context, await this.#inputOf(items, visitor), this.#run);
  }

  async *#explain(
    thread: ThreadMetadata,
    name: string,
    visitor: Visitor,
    run: RunContext,
  ): AsyncGenerator<ThreadStreamEvent, void, void> {
    const note = hiddenContext({ thread_id: thread.id, content: `${CLICKED}${name}. Say what it is for.` });
    yield itemDone(note);
    const items = await loadItems(this.store, thread.id, visitor);
    yield* streamRun(this.#contextOf(thread, items, visitor, run), await this.#inputOf(items, visitor), this.#run);
  }

  #inputOf(items: readonly ThreadItem[], visitor: Visitor) {
    return toInput(items, async (id) => this.#uploads?.read(visitor, id));
  }

  #contextOf(thread: ThreadMetadata, items: readonly ThreadItem[], requestContext: Visitor, run: RunContext) {
    const past = toTurns(items).slice(0, items.at(-1)?.type === 'hidden_context_item' ? undefined : -1);
    return new DemoContext({ thread, store: this.store, requestContext, signal: run.signal, past });
  }
}

const namesOf = ({ attachments }: UserMessageItem): string => attachments.map(({ name }) => name).join(', ');

const isAnswer = (item: ThreadItem): boolean => item.type === 'assistant_message' && messageText(item) !== '';

const nameIn = (payload: unknown): string | undefined => {
  const name = (payload as { name?: unknown } | null | undefined)?.name;
  return typeof name === 'string' && /^[@\w/.-]{1,100}$/.test(name) ? name : undefined;
};

const restore = (agent: DemoAgent, saved: string, context: DemoContext) =>
  RunState.fromStringWithContext<DemoContext, DemoAgent>(agent, saved, new AgentRunContext(context));

function* skipQuestions(items: readonly ThreadItem[]): Generator<ThreadStreamEvent> {
  for (const item of items) {
    if (item.type !== 'structured_input' || item.status !== 'pending') continue;
    const skipped: StructuredInputItem = {
      ...item,
      status: 'skipped',
      inputs: item.inputs.map((input) => ({ ...input, answer: { values: [], skipped: true } })),
    };
    yield itemReplaced(skipped);
  }
}
