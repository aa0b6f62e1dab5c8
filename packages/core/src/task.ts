/** Tasks: the steps an assistant shows while it works, and the workflow that groups them. */
import type { FileSource, UrlSource } from './source.ts';

/** One step, told apart by `type`. */
export type Task = CustomTask | WebSearchTask | ThoughtTask | FileTask | ImageTask;

/** How far a step is: not shown, under way, done. */
export type StatusIndicator = 'none' | 'loading' | 'complete';

/** What all tasks have. */
type TaskBase = {
  /** Shown where the task is part of a workflow. */
  status_indicator: StatusIndicator;
};

/** A step of your own making. */
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
  /** What is searched for, where the title tells it. */
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

/** A title, or how long it took. It carries no tag: the field that is there tells which one it is. */
export type WorkflowSummary = CustomSummary | DurationSummary;

/** A summary in words. */
export type CustomSummary = {
  title: string;
  icon?: string | undefined;
};

/** A summary that says how long it took. */
export type DurationSummary = {
  /** Whole seconds. */
  duration: number;
};
