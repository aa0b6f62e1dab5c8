/**
 * Reads models that do not send Responses events: chat completions, models behind the AI SDK, custom models. All of
 * them send text deltas and one `response_done`. Message boundaries are inferred, and ids are our own, because theirs
 * are unusable (chat completions use one id for a message and its tool calls, others send none).
 */
import { field, listField, textField } from './agent-run.ts';
import { type AgentSignal, none, type RawCitation, type RawPart, type SignalReader } from './agent-signal.ts';
import { type AiPart, readAiPart } from './ai-part.ts';
import { readParts } from './responses-reader.ts';

/** A message of the current response, as far as it has been streamed. */
interface StreamedMessage {
  readonly key: string;
  /** The id that its deltas carry; a delta with another id begins another message. */
  readonly source: string | undefined;
  open: boolean;
  /** Characters so far, in all of its parts. */
  length: number;
  /** Sources that the model named while it wrote; `response_done` does not repeat them. */
  readonly cited: RawCitation[];
}

/**
 * A reader for one run. It takes the `data` of raw model events: `response_started`, `output_text_delta`,
 * `response_done`, and, for what those leave out (reasoning, refusals, sources, images), the provider's own chunk
 * inside `model`: a chunk of a chat completion or a part of the AI SDK.
 */
export const createGenericReader = (): SignalReader => {
  let response = 0;
  let streamed: StreamedMessage[] = [];
  let images = 0;
  let thought: string | undefined;
  let refusal = '';
  /** Sources named before the text that they are for. */
  let early: RawCitation[] = [];

  const openMessage = (): StreamedMessage | undefined => {
    const last = streamed.at(-1);
    return last?.open === true ? last : undefined;
  };
  const thinking = (delta: string): readonly AgentSignal[] => {
    thought = (thought ?? '') + delta;
    return [{ kind: 'thought.delta', index: 0, delta }];
  };
  const thoughtOver = (): readonly AgentSignal[] => {
    if (thought === undefined) return none;
    const text = thought;
    thought = undefined;
    return [{ kind: 'thought.done', index: 0, text }];
  };
  const start = (source: string | undefined): { message: StreamedMessage; signals: readonly AgentSignal[] } => {
    const message: StreamedMessage = {
      key: `${response}.${streamed.length}`,
      source,
      open: true,
      length: 0,
      cited: early.splice(0),
    };
    streamed.push(message);
    const { key } = message;
    const signals: AgentSignal[] = [
      ...thoughtOver(),
      { kind: 'message.started', key },
      { kind: 'part.started', key, index: 0 },
      ...message.cited.map((citation) => ({ kind: 'citation', key, index: 0, citation }) as const),
    ];
    return { message, signals };
  };
  /** Ends the open message as it was streamed. */
  const close = (): readonly AgentSignal[] => {
    const message = openMessage();
    if (message === undefined) return none;
    message.open = false;
    return [{ kind: 'message.done', key: message.key }];
  };
  const text = (delta: string, source: string | undefined): readonly AgentSignal[] => {
    if (delta === '') return none;
    const open = openMessage();
    if (open !== undefined && open.source === source) {
      open.length += delta.length;
      return [{ kind: 'text.delta', key: open.key, index: 0, delta }];
    }
    const closed = close();
    const { message, signals } = start(source);
    message.length += delta.length;
    return [...closed, ...signals, { kind: 'text.delta', key: message.key, index: 0, delta }];
  };
  const cite = (citation: RawCitation): readonly AgentSignal[] => {
    const open = openMessage();
    if (open === undefined) {
      early.push(citation);
      return none;
    }
    const placed = { ...citation, index: open.length, end_index: open.length };
    open.cited.push(placed);
    return [{ kind: 'citation', key: open.key, index: 0, citation: placed }];
  };

  /** Reads a part of the AI SDK that is not text; text comes by the agent SDK's own deltas. */
  const readPart = (part: AiPart): readonly AgentSignal[] => {
    switch (part.kind) {
      case 'thought':
        // The SDK's adapter ends a message when the model thinks again or calls a tool. We must too, or our messages
        // would not match those of `response_done`.
        return part.delta === '' ? none : [...close(), ...thinking(part.delta)];
      case 'thought.done':
        return thoughtOver();
      case 'tool.called':
        return close();
      case 'source':
        return cite({ type: 'url_citation', url: part.url, title: part.title });
      case 'document':
        return cite({ type: 'file_citation', filename: part.filename, title: part.title });
      case 'image': {
        const key = `${response}.image.${images++}`;
        const base64 = /^data:[^,]*;base64,(.*)$/s.exec(part.url)?.[1];
        const image: AgentSignal =
          base64 === undefined ? { kind: 'image.linked', key, url: part.url } : { kind: 'image.done', key, base64 };
        return [...close(), ...thoughtOver(), { kind: 'image.started', key }, image];
      }
      default:
        return none;
    }
  };
  const readChunk = (chunk: unknown): readonly AgentSignal[] => {
    // Parts of the AI SDK have a type, chunks of a chat completion have none.
    if (textField(chunk, 'type') !== undefined) {
      const part = readAiPart(chunk);
      return part === undefined ? none : readPart(part);
    }
    const delta = field(listField(chunk, 'choices')[0], 'delta');
    // Two spellings are in use.
    const reasoning = textField(delta, 'reasoning') ?? textField(delta, 'reasoning_content');
    if (reasoning) return thinking(reasoning);
    const refused = textField(delta, 'refusal');
    if (!refused) return none;
    refusal += refused;
    return text(refused, openMessage()?.source);
  };

  return (data) => {
    switch (textField(data, 'type')) {
      case 'output_text_delta':
        return text(textField(data, 'delta') ?? '', textField(data, 'itemId'));
      case 'model':
        return readChunk(field(data, 'event'));
      case 'response_started':
        response += 1;
        return none;
      case 'response_done': {
        const signals = [...thoughtOver(), ...finish(field(data, 'response'))];
        streamed = [];
        early = [];
        refusal = '';
        return signals;
      }
      default:
        return none;
    }
  };

  function finish(done: unknown): AgentSignal[] {
    const signals: AgentSignal[] = [];
    let nth = 0;
    for (const item of listField(done, 'output')) {
      const type = textField(item, 'type');
      if (type === 'message' || (type === undefined && field(item, 'role') === 'assistant')) {
        const parts = readParts(listField(item, 'content'), 'providerData');
        if (parts.length > 0) signals.push(...finishMessage(streamed[nth++], parts));
      } else if (type === 'function_call') {
        const callId = textField(item, 'callId');
        const name = textField(item, 'name');
        if (callId !== undefined && name !== undefined) signals.push({ kind: 'tool.called', callId, name });
      }
    }
    signals.push(...close());
    return signals;
  }

  /**
   * Finishes a message. The nth message of the response is the nth that was streamed, or was not streamed at all.
   */
  function finishMessage(known: StreamedMessage | undefined, parts: readonly RawPart[]): AgentSignal[] {
    if (known?.open === false) return [];
    const { message, signals } = known === undefined ? start(undefined) : { message: known, signals: none };
    const { key } = message;
    const all = [...signals];
    message.open = false;
    for (const [index, part] of parts.entries()) {
      for (const citation of part.citations) all.push({ kind: 'citation', key, index, citation });
    }
    // A refusal that was streamed into the first part stays there, so that the text on screen does not move.
    const whole = refusal === '' ? parts : [{ text: parts.map((part) => part.text).join(''), citations: [] }];
    const withSources = whole.map((part, index) =>
      index === 0 ? { ...part, citations: [...message.cited, ...part.citations] } : part,
    );
    all.push({ kind: 'message.done', key, parts: withSources });
    return all;
  }
};
