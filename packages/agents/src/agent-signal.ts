/**
 * Agent signals: the intermediate form between a model's stream and ChatKit events. Two readers (for Responses events,
 * and for everything else) produce them, and one writer consumes them.
 */

import type { HostedToolCall } from './hosted-tool-call.ts';

/** A citation as the model sent it, for a converter to turn into an annotation. */
export interface RawCitation {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** One part of a finished message. */
export interface RawPart {
  readonly text: string;
  readonly citations: readonly RawCitation[];
}

/** A finished message. */
export interface RawMessage {
  readonly key: string;
  readonly parts: readonly RawPart[];
}

/**
 * One thing that happened in the run. `key` identifies a message or an image within the run; `id` is the provider's own
 * id, present only if it can serve as an item id.
 */
export type AgentSignal =
  | { readonly kind: 'message.started'; readonly key: string; readonly id?: string | undefined }
  /** `text` is what it begins with. */
  | { readonly kind: 'part.started'; readonly key: string; readonly index: number; readonly text?: string | undefined }
  | { readonly kind: 'text.delta'; readonly key: string; readonly index: number; readonly delta: string }
  | { readonly kind: 'part.done'; readonly key: string; readonly index: number; readonly text: string | undefined }
  | { readonly kind: 'citation'; readonly key: string; readonly index: number; readonly citation: RawCitation }
  /** Without `parts` the message is what has been streamed. */
  | { readonly kind: 'message.done'; readonly key: string; readonly parts?: readonly RawPart[] | undefined }
  /** The response is over and nothing in it stays open. `messages` are all of its messages. */
  | { readonly kind: 'response.done'; readonly messages: readonly RawMessage[] }
  | { readonly kind: 'reasoning.started' }
  | { readonly kind: 'thought.delta'; readonly index: number; readonly delta: string }
  | { readonly kind: 'thought.done'; readonly index: number; readonly text: string | undefined }
  | { readonly kind: 'image.started'; readonly key: string }
  | { readonly kind: 'image.partial'; readonly key: string; readonly base64: string; readonly index: number }
  | { readonly kind: 'image.done'; readonly key: string; readonly base64: string }
  /** An image that already has a URL. */
  | { readonly kind: 'image.linked'; readonly key: string; readonly url: string }
  /** A tool that the model's servers run. `key` is the item's id. */
  | { readonly kind: 'hosted.began'; readonly key: string; readonly call: HostedToolCall }
  | { readonly kind: 'hosted.ended'; readonly key: string; readonly call: HostedToolCall }
  | { readonly kind: 'tool.called'; readonly callId: string; readonly id?: string | undefined; readonly name: string };

/** Turns one event of the source into signals; usually none or one. */
export type SignalReader = (event: unknown) => readonly AgentSignal[];

/** No signal; shared, so that an ignored event allocates nothing. */
export const none: readonly AgentSignal[] = [];
