/**
 * The context of a turn that is being written: where its events go, and which workflow is open. It keeps events in the
 * order in which things happened, and closes the workflow when a visible item follows it.
 */
import {
  ChatKitError,
  createId,
  type IdKind,
  type Task,
  type ThreadItem,
  type ThreadItemUpdate,
  type ThreadMetadata,
  type ThreadStreamEvent,
  type Workflow,
  type WorkflowItem,
  type WorkflowSummary,
} from '@chatkit/core';

/** The options of {@link ResponseContext}. */
export interface ResponseContextOptions {
  thread: Pick<ThreadMetadata, 'id'>;
  /** Makes the ids of new items. Default: `createId` of `@chatkit/core`. */
  createId?: ((kind: IdKind) => string) | undefined;
  /** Milliseconds since the epoch. Default: `Date.now`. */
  now?: (() => number) | undefined;
}

/** Where the events of a turn go. */
export interface EventSink {
  push(event: ThreadStreamEvent): void;
  /** Resolves when there is room; `undefined` when there is room now. */
  ready(): Promise<void> | undefined;
}

/** Items that the user does not see, so that a workflow stays open when they are added. */
const besideWorkflow: ReadonlySet<ThreadItem['type']> = new Set([
  'client_tool_call',
  'hidden_context_item',
  'sdk_hidden_context',
] as const);

/**
 * Sends the events and workflows of one turn. `AgentContext` extends it for tools; the bridges from other sources use
 * it as it is.
 */
export class ResponseContext {
  readonly thread: Pick<ThreadMetadata, 'id'>;
  readonly createId: (kind: IdKind) => string;
  readonly now: () => number;
  /** Called before the open workflow ends, whatever ends it; the last moment to update it. Set by the bridge. */
  beforeWorkflowEnds: (() => void) | undefined;
  /** The workflow that was given to `resumeWorkflow()`, as it was then. */
  resumed: WorkflowItem | undefined;

  #workflow: { item: WorkflowItem; announced: boolean } | undefined;
  #backlog: ThreadStreamEvent[] = [];
  #sink: EventSink | undefined;

  constructor(options: ResponseContextOptions) {
    this.thread = options.thread;
    this.createId = options.createId ?? createId;
    this.now = options.now ?? Date.now;
  }

  /**
   * Sends an event to the user, in order with what the model streams. Before the bridge is attached, events are kept. A
   * visible item ends the open workflow, because the item stands below it; a workflow of your own becomes the open one.
   */
  stream(event: ThreadStreamEvent): void {
    if (event.type === 'thread.item.added' || event.type === 'thread.item.done') {
      const { item } = event;
      if (item.id === this.workflow?.id) {
        if (event.type === 'thread.item.done') this.#workflow = undefined;
      } else {
        if (!besideWorkflow.has(item.type)) this.endWorkflow();
        if (item.type === 'workflow' && event.type === 'thread.item.added') this.#workflow = { item, announced: true };
      }
    }
    if (this.#sink === undefined) this.#backlog.push(event);
    else this.#sink.push(event);
  }

  /** The workflow that is open, if one is. */
  get workflow(): WorkflowItem | undefined {
    return this.#workflow?.item;
  }

  /** Opens a workflow. An empty custom one is not shown before its first task. */
  startWorkflow(workflow: Workflow): void {
    const item: WorkflowItem = {
      type: 'workflow',
      id: this.createId('workflow'),
      thread_id: this.thread.id,
      created_at: this.timestamp(),
      workflow: { ...workflow, tasks: [...workflow.tasks] },
    };
    this.#workflow = { item, announced: false };
    if (workflow.type === 'reasoning' || workflow.tasks.length > 0) this.#announce();
  }

  /** Adds a task to the open workflow; opens a custom one when there is none. Returns the task's index. */
  addWorkflowTask(task: Task): number {
    if (this.#workflow === undefined) this.startWorkflow({ type: 'custom', tasks: [], expanded: false });
    const tasks = [...(this.workflow?.workflow.tasks ?? []), task];
    this.#setTasks(tasks);
    const index = tasks.length - 1;
    this.#update({ type: 'workflow.task.added', task_index: index, task });
    return index;
  }

  /** Replaces a task of the open workflow. */
  updateWorkflowTask(task: Task, index: number): void {
    const tasks = this.workflow?.workflow.tasks;
    if (tasks === undefined || !(index in tasks)) {
      throw new ChatKitError('internal', `The open workflow has no task ${index}.`);
    }
    this.#setTasks(tasks.with(index, task));
    this.#update({ type: 'workflow.task.updated', task_index: index, task });
  }

  /**
   * Closes the open workflow, if one is open. Its summary is `summary`, or the one it already has, or its duration in
   * whole seconds. A workflow that has not been shown is dropped.
   */
  endWorkflow(summary?: WorkflowSummary, expanded = false): void {
    if (this.#workflow !== undefined) this.beforeWorkflowEnds?.();
    const current = this.#workflow;
    this.#workflow = undefined;
    if (current === undefined || !current.announced) return;
    const { item } = current;
    const seconds = Math.max(0, Math.floor((this.now() - Date.parse(item.created_at)) / 1000));
    const workflow = {
      ...item.workflow,
      summary: summary ?? item.workflow.summary ?? { duration: seconds },
      expanded,
    };
    this.stream({ type: 'thread.item.done', item: { ...item, workflow } });
  }

  /** Continues a workflow of an earlier turn, for example the one that led to a client tool call. */
  resumeWorkflow(item: WorkflowItem): void {
    this.resumed = item;
    this.#workflow = { item, announced: false };
  }

  /** Sends the open workflow as it is, without closing it, so that the next turn can continue it. */
  saveWorkflow(): void {
    if (this.#workflow?.announced === true) this.stream({ type: 'thread.item.done', item: this.#workflow.item });
    this.#workflow = undefined;
  }

  /**
   * Resolves when the reader has caught up. `stream()` accepts any number of events; a sender of many should await this
   * between them, so that a slow reader holds the sender back instead of filling the memory.
   */
  async ready(): Promise<void> {
    await this.#sink?.ready();
  }

  /** Routes events to `sink` until the returned function is called. One run at a time. */
  attach(sink: EventSink): () => void {
    if (this.#sink !== undefined)
      throw new ChatKitError('internal', 'This context is already used by a run: make a new one for each run.');
    this.#sink = sink;
    for (const event of this.#backlog.splice(0)) sink.push(event);
    return () => {
      this.#sink = undefined;
    };
  }

  /** The current time, in the form of `created_at`. */
  timestamp(): string {
    return new Date(this.now()).toISOString();
  }

  #setTasks(tasks: Task[]): void {
    const current = this.#workflow;
    if (current === undefined) return;
    const item = { ...current.item, workflow: { ...current.item.workflow, tasks } };
    this.#workflow = { ...current, item };
  }

  #announce(): void {
    const current = this.#workflow;
    if (current === undefined) return;
    this.#workflow = { ...current, announced: true };
    this.stream({ type: 'thread.item.added', item: current.item });
  }

  #update(update: ThreadItemUpdate): void {
    const current = this.#workflow;
    if (current === undefined) return;
    if (!current.announced) this.#announce();
    else this.stream({ type: 'thread.item.updated', item_id: current.item.id, update });
  }
}
