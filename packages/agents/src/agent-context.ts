/**
 * The context of an agent run, which tools get: the thread, the store, and ways to show the user something at once
 * (progress, a widget, a workflow with its tasks, a tool call in the browser). Pass it as the run's `context`.
 */
import type { Store, ThreadMetadata, WidgetRoot } from '@chatkit/core';
import { streamWidget } from '@chatkit/core/widgets';
import { ResponseContext, type ResponseContextOptions } from './response-context.ts';

/** The options of {@link AgentContext}. */
export interface AgentContextOptions<Context> extends ResponseContextOptions {
  thread: ThreadMetadata;
  store: Store<Context>;
  /** What the application passed to `server.handle()`. */
  requestContext: Context;
  /** The run's signal. Pass it to `run(agent, input, { signal })` as well, so that a stop reaches the model. */
  signal?: AbortSignal | undefined;
}

/** A tool call for the browser to run. */
export interface ClientToolCall {
  name: string;
  arguments: Record<string, unknown>;
  /**
   * The model's id of the call: `details.toolCall.callId` inside `execute`. Without it the call is matched by name,
   * which is ambiguous when a model calls one tool twice at once.
   */
  callId?: string | undefined;
}

/**
 * The context of one agent run.
 *
 * @example
 * const context = new AgentContext({ thread, store, requestContext, signal: run.signal });
 * const result = await runAgent(agent, input, { stream: true, context, signal: run.signal });
 * yield* streamAgentResponse(context, result);
 *
 * // inside a tool
 * execute: (args, { context }) => context.stream({ type: 'progress_update', text: 'Reading the archive…' })
 */
export class AgentContext<Context = unknown> extends ResponseContext {
  declare readonly thread: ThreadMetadata;
  readonly store: Store<Context>;
  readonly requestContext: Context;
  readonly signal: AbortSignal | undefined;
  /** For `previousResponseId` of the SDK, if the application keeps one. */
  previousResponseId: string | undefined;

  #clientToolCalls: ClientToolCall[] = [];

  constructor(options: AgentContextOptions<Context>) {
    super(options);
    this.store = options.store;
    this.requestContext = options.requestContext;
    this.signal = options.signal;
  }

  /**
   * Shows a widget, or its successive states: the first adds the widget, each later one sends only what changed.
   * Resolves when the last state has been sent; waits for a reader that is far behind.
   */
  async streamWidget(
    widget: WidgetRoot | AsyncIterable<WidgetRoot>,
    options: { copyText?: string | undefined } = {},
  ): Promise<void> {
    const events = streamWidget(this.thread, widget, { ...options, createId: () => this.createId('message') });
    for await (const event of events) {
      this.stream(event);
      await this.ready();
    }
  }

  /**
   * Asks the browser to run a tool once this run is over. Let the agent stop at that tool (`toolUseBehavior: {
   * stopAtToolNames: […] }`), or the agent goes on without the tool's output.
   */
  callClientTool(call: ClientToolCall): void {
    this.#clientToolCalls.push(call);
  }

  /** Removes and returns the requested calls. The bridge calls this at the end of a run. */
  takeClientToolCalls(): readonly ClientToolCall[] {
    const calls = this.#clientToolCalls;
    this.#clientToolCalls = [];
    return calls;
  }
}
