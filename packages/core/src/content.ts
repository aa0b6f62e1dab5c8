/** Content: what messages are made of. Checked against `@chatkit/core/schema` in both directions by the tests of types. */
import type { Annotation } from './source.ts';

/** A part of what the user sent, told apart by `type`. */
export type UserMessageContent = UserTextContent | UserTagContent;

/** What the user typed. */
export type UserTextContent = {
  type: 'input_text';
  text: string;
};

/** Something the user chose while typing, for example after `@`: a person, a document, an order. */
export type UserTagContent = {
  type: 'input_tag';
  /** Your id of what is meant. */
  id: string;
  /** What stands in the message in its place. */
  text: string;
  /** What the page knows of it. It came from a browser, so trust only what you look up by `id`. */
  data: Record<string, unknown>;
  /** The heading under which it was offered. */
  group?: string | undefined;
  /** Whether the page opens something when the tag is clicked. */
  interactive: boolean;
};

/** A part of an answer. Text grows by deltas until the part is done. */
export type AssistantMessageContent = {
  type: 'output_text';
  /** Markdown. */
  text: string;
  annotations: Annotation[];
};

/** What the user chose for one message. */
export type InferenceOptions = {
  /** The tool that was picked in the composer: your id of it. */
  tool_choice?: { id: string } | undefined;
  /** The model that was picked in the composer: your id of it. */
  model?: string | undefined;
};
