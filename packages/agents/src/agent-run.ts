/**
 * The interface to an agent SDK: the parts of a streamed run that the bridge reads. The types are structural, so that a
 * second installed copy of the SDK, an older version, or a scripted run in a test all fit; `StreamedRunResult` of
 * `@openai/agents` 0.20 does.
 */

/** One event of a run, as `@openai/agents` emits it. */
export interface AgentRunEvent {
  /** `raw_model_stream_event`, `run_item_stream_event`, `agent_updated_stream_event`, or an unknown one. */
  readonly type: string;
  /** For a raw event: what the model sent. */
  readonly data?: unknown;
  /** For a raw event: the model implementation that sent it. */
  readonly source?: string | undefined;
  /** For a run item event: what happened to the item. */
  readonly name?: string;
  /** For a run item event: the item. */
  readonly item?: unknown;
}

/** A streamed run, which can be read once. */
export interface AgentRun extends AsyncIterable<AgentRunEvent> {
  /** Set when the run was aborted. Such a run ends without an error but has not completed. */
  readonly cancelled?: boolean;
  /** Tool calls that wait for a person's approval. */
  readonly interruptions?: readonly unknown[];
}

/** Reads a field of a value of unknown shape. */
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
