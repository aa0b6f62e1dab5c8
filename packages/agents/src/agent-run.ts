/**
 * The port to an agent SDK: what a run looks like from here. It is written down by shape, so that two installed copies
 * of the SDK, an older version, or a scripted run in a test all fit; `StreamedRunResult` of `@openai/agents` 0.20 is
 * one.
 */

/** One event of a run, as `@openai/agents` emits it. */
export interface AgentRunEvent {
  /** `raw_model_stream_event`, `run_item_stream_event`, `agent_updated_stream_event`, or one we do not know yet. */
  readonly type: string;
  /** Of a raw event: what the model sent. */
  readonly data?: unknown;
  /** Of a raw event: which model implementation sent it. */
  readonly source?: string | undefined;
  /** Of a run item event: what happened to the item. */
  readonly name?: string;
  /** Of a run item event. */
  readonly item?: unknown;
}

/** A streamed run. It is read once. */
export interface AgentRun extends AsyncIterable<AgentRunEvent> {
  /** Set when the run was aborted: such a run ends without an error, and is not a completed one. */
  readonly cancelled?: boolean;
  /** Tool calls that wait for a person's approval. */
  readonly interruptions?: readonly unknown[];
}

/** Reads a field of a value whose shape nobody vouches for. */
export const field = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

/** The same, as text. */
export const textField = (value: unknown, name: string): string | undefined => {
  const found = field(value, name);
  return typeof found === 'string' ? found : undefined;
};

/** The same, as a list. */
export const listField = (value: unknown, name: string): readonly unknown[] => {
  const found = field(value, name);
  return Array.isArray(found) ? found : [];
};

/** The same, as an index. */
export const indexField = (value: unknown, name: string): number => {
  const found = field(value, name);
  return typeof found === 'number' && Number.isInteger(found) && found >= 0 ? found : 0;
};
