/**
 * Reads the events of OpenAI's Responses API, which the SDK passes on as `data.event` of its `model` events. They are
 * the richest source: message and part boundaries, citations as they appear, reasoning summaries, images, refusals.
 * Source: https://platform.openai.com/docs/api-reference/responses-streaming
 */
import { field, indexField, listField, textField } from './agent-run.ts';
import {
  type AgentSignal,
  none,
  type RawCitation,
  type RawMessage,
  type RawPart,
  type SignalReader,
} from './agent-signal.ts';
import { readHostedToolCall } from './hosted-tool-call.ts';

/** Stateless, because Responses events say what they belong to. */
export const readResponsesEvent: SignalReader = (event) => {
  const key = textField(event, 'item_id') ?? '';
  const index = indexField(event, 'content_index');
  switch (textField(event, 'type')) {
    // The most frequent event first.
    case 'response.output_text.delta':
    case 'response.refusal.delta':
      return [{ kind: 'text.delta', key, index, delta: textField(event, 'delta') ?? '' }];
    case 'response.content_part.added': {
      const part = field(event, 'part');
      // A model's raw reasoning is not for the user. Its summary arrives in separate events.
      if (textField(part, 'type') === 'reasoning_text') return none;
      return [{ kind: 'part.started', key, index, text: textField(part, 'text') ?? textField(part, 'refusal') }];
    }
    case 'response.output_text.done':
      return [{ kind: 'part.done', key, index, text: textField(event, 'text') }];
    case 'response.refusal.done':
      return [{ kind: 'part.done', key, index, text: textField(event, 'refusal') }];
    case 'response.output_text.annotation.added': {
      const citation = toCitation(field(event, 'annotation'));
      return citation === undefined ? none : [{ kind: 'citation', key, index, citation }];
    }
    case 'response.output_item.added':
      return readItemAdded(field(event, 'item'));
    case 'response.output_item.done':
      return readItemDone(field(event, 'item'));
    case 'response.reasoning_summary_text.delta':
      return [
        { kind: 'thought.delta', index: indexField(event, 'summary_index'), delta: textField(event, 'delta') ?? '' },
      ];
    case 'response.reasoning_summary_text.done':
      return [{ kind: 'thought.done', index: indexField(event, 'summary_index'), text: textField(event, 'text') }];
    case 'response.image_generation_call.partial_image': {
      const base64 = textField(event, 'partial_image_b64');
      if (base64 === undefined) return none;
      return [{ kind: 'image.partial', key, base64, index: indexField(event, 'partial_image_index') }];
    }
    case 'response.completed':
    case 'response.incomplete':
      return [{ kind: 'response.done', messages: readMessages(field(event, 'response')) }];
    default:
      return none;
  }
};

const readMessages = (response: unknown): RawMessage[] =>
  listField(response, 'output')
    .filter((item) => textField(item, 'type') === 'message')
    .map((item) => ({
      key: textField(item, 'id') ?? '',
      parts: readParts(listField(item, 'content'), 'annotations'),
    }));

const readItemAdded = (item: unknown): readonly AgentSignal[] => {
  const id = textField(item, 'id') ?? '';
  switch (textField(item, 'type')) {
    case 'message':
      return [{ kind: 'message.started', key: id, id: reusableId(id) }];
    case 'reasoning':
      return [{ kind: 'reasoning.started' }];
    case 'image_generation_call':
      return [{ kind: 'image.started', key: id }];
    default: {
      const call = readHostedToolCall(item, 'added');
      return call === undefined ? none : [{ kind: 'hosted.began', key: id, call }];
    }
  }
};

const readItemDone = (item: unknown): readonly AgentSignal[] => {
  const id = textField(item, 'id') ?? '';
  switch (textField(item, 'type')) {
    case 'message':
      return [{ kind: 'message.done', key: id, parts: readParts(listField(item, 'content'), 'annotations') }];
    case 'image_generation_call': {
      const base64 = textField(item, 'result');
      return base64 === undefined ? none : [{ kind: 'image.done', key: id, base64 }];
    }
    case 'function_call': {
      const callId = textField(item, 'call_id');
      const name = textField(item, 'name');
      return callId === undefined || name === undefined
        ? none
        : [{ kind: 'tool.called', callId, id: reusableId(id), name }];
    }
    default: {
      const call = readHostedToolCall(item, 'done');
      return call === undefined ? none : [{ kind: 'hosted.ended', key: id, call }];
    }
  }
};

/** The parts of a finished message: text and refusals. `where` says which field holds the citations. */
export const readParts = (content: readonly unknown[], where: 'annotations' | 'providerData'): RawPart[] => {
  const parts: RawPart[] = [];
  for (const part of content) {
    const text = textField(part, 'text') ?? textField(part, 'refusal');
    if (text === undefined) continue;
    const holder = where === 'providerData' ? field(part, 'providerData') : part;
    const citations = listField(holder, 'annotations').map(toCitation);
    parts.push({ text, citations: citations.filter((each) => each !== undefined) });
  }
  return parts;
};

const toCitation = (value: unknown): RawCitation | undefined =>
  textField(value, 'type') === undefined ? undefined : (value as RawCitation);

/** Placeholders that SDKs use when a provider sends no id. As item ids they would overwrite one another. */
const placeholders: ReadonlySet<string> = new Set(['', 'FAKE_ID', '__fake_id__']);

const reusableId = (id: string): string | undefined => (placeholders.has(id) ? undefined : id);
