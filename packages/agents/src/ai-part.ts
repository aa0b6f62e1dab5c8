/**
 * Normalizes the parts of AI SDK streams. `fullStream` and the UI message stream name the same things differently
 * (`text` or `delta`, `tool-call` or `tool-input-available`); `AiPart` is one form for both. Source: `TextStreamPart`
 * and `UIMessageChunk` of `ai` 7.0.
 */
import { field, textField } from './agent-run.ts';

/** A normalized part. */
export type AiPart =
  | { readonly kind: 'text'; readonly block: string; readonly delta: string }
  | { readonly kind: 'thought'; readonly block: string; readonly delta: string }
  | { readonly kind: 'thought.done'; readonly block: string }
  | {
      readonly kind: 'tool.called';
      readonly callId: string;
      readonly name: string;
      readonly input: unknown;
      /** Whether the provider runs it. */
      readonly hosted: boolean;
    }
  /** The call waits for somebody's approval. */
  | { readonly kind: 'tool.held'; readonly callId: string }
  | { readonly kind: 'tool.done'; readonly callId: string; readonly failed: boolean }
  | { readonly kind: 'source'; readonly url: string; readonly title: string | undefined }
  | { readonly kind: 'document'; readonly title: string; readonly filename: string }
  | { readonly kind: 'image'; readonly url: string }
  | { readonly kind: 'step.done' }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Normalizes one part; `undefined` for parts that are not shown. */
export const readAiPart = (part: unknown): AiPart | undefined => {
  const block = textField(part, 'id') ?? '';
  switch (textField(part, 'type')) {
    case 'text-delta':
      return { kind: 'text', block, delta: textField(part, 'text') ?? textField(part, 'delta') ?? '' };
    case 'reasoning-delta':
      return { kind: 'thought', block, delta: textField(part, 'text') ?? textField(part, 'delta') ?? '' };
    case 'reasoning-end':
      return { kind: 'thought.done', block };
    case 'tool-call':
    case 'tool-input-available':
      return {
        kind: 'tool.called',
        callId: textField(part, 'toolCallId') ?? '',
        name: textField(part, 'toolName') ?? '',
        input: field(part, 'input'),
        hosted: field(part, 'providerExecuted') === true,
      };
    case 'tool-approval-request':
      return {
        kind: 'tool.held',
        callId: textField(part, 'toolCallId') ?? textField(field(part, 'toolCall'), 'toolCallId') ?? '',
      };
    case 'tool-result':
    case 'tool-output-available':
      // A preliminary result is followed by the final one.
      if (field(part, 'preliminary') === true) return undefined;
      return { kind: 'tool.done', callId: textField(part, 'toolCallId') ?? '', failed: false };
    case 'tool-error':
    case 'tool-input-error':
    case 'tool-output-error':
    case 'tool-output-denied':
      return { kind: 'tool.done', callId: textField(part, 'toolCallId') ?? '', failed: true };
    case 'source':
      return field(part, 'sourceType') === 'document' ? readDocument(part) : readUrl(part);
    case 'source-url':
      return readUrl(part);
    case 'source-document':
      return readDocument(part);
    case 'file':
      return readFile(part);
    case 'finish-step':
      return { kind: 'step.done' };
    case 'abort':
      return { kind: 'aborted' };
    case 'error':
      return {
        kind: 'failed',
        error: field(part, 'error') ?? new Error(textField(part, 'errorText') ?? 'The model failed.'),
      };
    default:
      return undefined;
  }
};

const readUrl = (part: unknown): AiPart | undefined => {
  const url = textField(part, 'url');
  return url === undefined ? undefined : { kind: 'source', url, title: textField(part, 'title') };
};

const readDocument = (part: unknown): AiPart => {
  const title = textField(part, 'title') ?? '';
  return { kind: 'document', title, filename: textField(part, 'filename') ?? title };
};

/**
 * Only images can be shown in a thread. A finished file is in `file.base64` (`fullStream`) or at `url` (UI message
 * stream); a model sends its `data` as base64 or bytes, since version 4 wrapped as `{type: 'data', data}` or `{type:
 * 'url', url}`.
 */
const readFile = (part: unknown): AiPart | undefined => {
  const file = field(part, 'file') ?? part;
  const mediaType = textField(file, 'mediaType') ?? '';
  if (!mediaType.startsWith('image/')) return undefined;
  const held = field(file, 'data');
  const link = textField(part, 'url') ?? urlIn(held);
  if (link !== undefined) return { kind: 'image', url: link };
  const base64 = textField(file, 'base64') ?? base64In(field(held, 'data') ?? held);
  return base64 === undefined ? undefined : { kind: 'image', url: `data:${mediaType};base64,${base64}` };
};

const urlIn = (data: unknown): string | undefined => {
  const url = field(data, 'url');
  return url instanceof URL ? url.href : typeof url === 'string' ? url : undefined;
};

const base64In = (data: unknown): string | undefined => {
  if (typeof data === 'string') return data;
  if (!(data instanceof Uint8Array)) return undefined;
  let binary = '';
  for (const byte of data) binary += String.fromCharCode(byte);
  return btoa(binary);
};
