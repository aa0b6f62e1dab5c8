/** What a scenario and a recording are made of. The words are explained in `../README.md`. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Attachment, IdKind, ThreadItem, ThreadMetadata, ThreadStreamEvent, WidgetRoot } from '@chatkit/core';

export type Json = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

/** One step of a script. */
export type Op =
  | { op: 'yield'; event: ThreadStreamEvent & { item?: ThreadItem | string } }
  | { op: 'id'; name: string; kind: IdKind }
  | { op: 'set_thread'; set: Partial<ThreadMetadata> }
  | { op: 'set_metadata'; path: Path; value: unknown }
  | { op: 'raise'; error: 'custom' | 'stream' | 'error'; message?: string; code?: string; allow_retry?: boolean }
  | { op: 'wait' }
  | { op: 'stream_widget'; states: WidgetRoot[]; widget?: undefined; copy_text?: string }
  | { op: 'stream_widget'; states?: undefined; widget: WidgetRoot; copy_text?: string }
  | { op: 'store_item'; item: ThreadItem }
  | { op: 'store_thread'; set: Partial<ThreadMetadata> }
  | { op: 'object'; name: string; item: ThreadItem }
  | { op: 'append' | 'assign'; name: string; path: Path; value: unknown }
  | { op: 'return'; updated_item?: ThreadItem };

export interface Script {
  respond?: Op[] | { returns: unknown };
  action?: Op[];
  sync_action?: Op[];
  transcribe?: { text: string };
  create_attachment?: Attachment;
}

export interface ScenarioRequest extends Script {
  /** The body, or its text when it is no JSON. */
  body?: Json;
  raw?: string;
  context?: Context;
  /** The consumer stops reading after this many frames. */
  close_after?: number;
}

export interface Context {
  userId: string;
  trace?: string;
}

/** Where ours differs from the recording on purpose. Each `id` is a row of `docs/reference/differences.md`. */
export interface Difference {
  id: string;
  request?: number;
  /** Changes to the recorded frames; `at` counts in the recording. */
  frames?: { at: number; drop?: number; insert?: Json[] }[];
  /** What ours answers instead of raising: a refusal, … */
  refused?: { status: number; code: string };
  /** … or everything that it sends. */
  sse?: Json[];
  json?: Json;
  /** How the application was called, when that differs. */
  calls?: Json[];
  /** Rows that are different, by id; `drop` names one that ours does not have. */
  rows?: {
    threads?: Json[];
    items?: Json[];
    attachments?: Json[];
    drop?: { threads?: string[]; items?: string[]; attachments?: string[] };
  };
}

export interface Scenario {
  name: string;
  title: string;
  covers?: string[];
  keep?: 'objects';
  ids?: 'custom';
  server?: { attachments?: boolean; allow_cancel?: boolean };
  store?: { threads?: ThreadMetadata[]; items?: ThreadItem[]; attachments?: Attachment[] };
  requests: ScenarioRequest[];
  differs?: Difference[];
}

/** What happened to one request. */
export interface Answer {
  sse?: string[];
  json?: string;
  /** The client went away, or the consumer stopped reading. */
  ended?: 'cancelled' | 'closed';
  exception?: { type: string; message: string };
  refused?: { status: number; code: string };
  calls: Json[];
}

export interface Rows {
  threads?: Json[];
  items?: Record<string, Json[]>;
  attachments?: Json[];
}

export interface Recording {
  sdk: string;
  answers: Answer[];
  /** By user. */
  rows: Record<string, Rows>;
}

const folder = (name: string): URL => new URL(`../${name}/`, import.meta.url);

export const readJson = <T>(path: string): T =>
  JSON.parse(readFileSync(new URL(`../${path}`, import.meta.url), 'utf8'));

/** All scenarios, by name. */
export const loadScenarios = (): Scenario[] =>
  readdirSync(folder('scenarios'))
    .filter((file) => file.endsWith('.json'))
    .sort()
    .map((file) => ({ ...readJson<Scenario>(`scenarios/${file}`), name: file.slice(0, -'.json'.length) }));

export const loadRecording = (name: string): Recording => readJson<Recording>(`golden/${name}.json`);
