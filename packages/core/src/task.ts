/** The types of tasks, the steps that an assistant shows while it works, and of workflows, which group them. */
import type { FileSource, UrlSource } from './source.ts';

/** One step, discriminated by `type`. */
export type Task = CustomTask | WebSearchTask | ThoughtTask | FileTask | ImageTask;

/** The state shown with a step: none, in progress, done. */
export type StatusIndicator = 'none' | 'loading' | 'complete';

/** The fields of every task. */
type TaskBase = {
  /** Shown where the task is part of a workflow. */
  status_indicator: StatusIndicator;
};

/** A step of the application's own. */
export type CustomTask = TaskBase & {
  type: 'custom';
  title?: string | undefined;
  icon?: string | undefined;
  content?: string | undefined;
};

/** A search on the web: what was searched for, and what was found. */
export type WebSearchTask = TaskBase & {
  type: 'web_search';
  title?: string | undefined;
  /** The query, for the title to show. */
  title_query?: string | undefined;
  queries: string[];
  /** What was found. */
  sources: UrlSource[];
};

/** A piece of the model's reasoning, as its provider summarizes it. */
export type ThoughtTask = TaskBase & {
  type: 'thought';
  title?: string | undefined;
  content: string;
};

/** Files that were read. */
export type FileTask = TaskBase & {
  type: 'file';
  title?: string | undefined;
  sources: FileSource[];
};

/** An image that is being made. */
export type ImageTask = TaskBase & {
  type: 'image';
  title?: string | undefined;
};

/** A group of steps that folds into one line. */
export type Workflow = {
  /** `reasoning` is the model's own thinking, `custom` any other work. */
  type: 'custom' | 'reasoning';
  tasks: Task[];
  /** The line that is left when it has ended. */
  summary?: WorkflowSummary | undefined;
  /** Whether the steps are shown without a click. */
  expanded: boolean;
};

/** A title, or a duration. There is no `type`: the field that is present tells which one it is. */
export type WorkflowSummary = CustomSummary | DurationSummary;

/** A summary in words. */
export type CustomSummary = {
  title: string;
  icon?: string | undefined;
};

/** A summary that says how long the work took. */
export type DurationSummary = {
  /** Whole seconds. */
  duration: number;
};
