/**
 * The content of messages: parts of text, tags and annotations. Type tests check these types against
 * `@chatkit/core/schema`, in both directions.
 */
import type { Annotation } from './source.ts';

/** A part of a user's message, discriminated by `type`. */
export type UserMessageContent = UserTextContent | UserTagContent;

/** What the user typed. */
export type UserTextContent = {
  type: 'input_text';
  text: string;
};

/** Something the user chose while typing, for example after `@`: a person, a document, an order. */
export type UserTagContent = {
  type: 'input_tag';
  /** Your id of the thing referred to. */
  id: string;
  /** The text that stands for it in the message. */
  text: string;
  /** What the page knows about it. It came from a browser, so trust only what you look up by `id`. */
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

/** The user's choices for one message. */
export type InferenceOptions = {
  /** Your id of the tool that was picked in the composer. */
  tool_choice?: { id: string } | undefined;
  /** Your id of the model that was picked in the composer. */
  model?: string | undefined;
};
