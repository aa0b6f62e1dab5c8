/**
 * Reads models that do not speak Responses events: chat completions, models behind the AI SDK, models of your own. All
 * of them send text deltas and one `response_done`; message boundaries are inferred, and ids are ours, because theirs
 * are unusable (chat completions give a message and its tool calls one id, others send none).
 */
import { field, listField, textField } from './agent-run.ts';
import { type AgentSignal, none, type SignalReader } from './agent-signal.ts';
import { readParts } from './responses-reader.ts';

/**
 * A reader for one run. It takes the `data` of raw model events: `response_started`, `output_text_delta`,
 * `response_done`, and, for reasoning and refusals as they stream, the provider's own chunk inside `model`.
 */
export const createGenericReader = (): SignalReader => {
  let response = 0;
  let messages = 0;
  let open: { key: string; source: string | undefined } | undefined;
  let thought: string | undefined;
  let refusal = '';

  const thinking = (delta: string): readonly AgentSignal[] => {
    const started: AgentSignal[] = thought === undefined ? [{ kind: 'reasoning.started' }] : [];
    thought = (thought ?? '') + delta;
    return [...started, { kind: 'thought.delta', index: 0, delta }];
  };
  const thoughtOver = (): readonly AgentSignal[] => {
    if (thought === undefined) return none;
    const text = thought;
    thought = undefined;
    return [{ kind: 'thought.done', index: 0, text }];
  };
  const start = (source: string | undefined): readonly AgentSignal[] => {
    open = { key: `${response}.${messages++}`, source };
    return [
      ...thoughtOver(),
      { kind: 'message.started', key: open.key },
      { kind: 'part.started', key: open.key, index: 0 },
    ];
  };
  const text = (delta: string, source: string | undefined): readonly AgentSignal[] => {
    if (delta === '') return none;
    if (open !== undefined && open.source === source) return [{ kind: 'text.delta', key: open.key, index: 0, delta }];
    const closed: AgentSignal[] = open === undefined ? [] : [{ kind: 'message.done', key: open.key }];
    const started = start(source);
    const { key } = open as { key: string };
    return [...closed, ...started, { kind: 'text.delta', key, index: 0, delta }];
  };

  return (data) => {
    switch (textField(data, 'type')) {
      case 'output_text_delta':
        return text(textField(data, 'delta') ?? '', textField(data, 'itemId'));
      case 'model': {
        const chunk = field(data, 'event');
        const reasoning = reasoningDelta(chunk);
        if (reasoning !== undefined) return thinking(reasoning);
        const refused = refusalDelta(chunk);
        if (refused === undefined) return none;
        refusal += refused;
        return text(refused, open?.source);
      }
      case 'response_started':
        response += 1;
        return none;
      case 'response_done': {
        const signals = [...thoughtOver(), ...finish(field(data, 'response'))];
        open = undefined;
        refusal = '';
        return signals;
      }
      default:
        return none;
    }
  };

  function finish(done: unknown): AgentSignal[] {
    const signals: AgentSignal[] = [];
    for (const item of listField(done, 'output')) {
      const type = textField(item, 'type');
      if (type === 'message' || (type === undefined && field(item, 'role') === 'assistant')) {
        const parts = readParts(listField(item, 'content'), 'providerData');
        if (parts.length === 0) continue;
        if (open === undefined) {
          // A model that does not stream, or a refusal that came whole: the message appears at once.
          signals.push(...start(undefined));
        }
        const { key } = open as unknown as { key: string };
        for (const [index, part] of parts.entries()) {
          if (index > 0) signals.push({ kind: 'part.started', key, index });
          for (const citation of part.citations) signals.push({ kind: 'citation', key, index, citation });
        }
        // A refusal that was streamed into the first part stays there, so that the text on screen does not move.
        const whole = refusal === '' ? parts : [{ text: parts.map((part) => part.text).join(''), citations: [] }];
        signals.push({ kind: 'message.done', key, parts: whole });
        open = undefined;
      } else if (type === 'function_call') {
        const callId = textField(item, 'callId');
        const name = textField(item, 'name');
        if (callId !== undefined && name !== undefined) signals.push({ kind: 'tool.called', callId, name });
      }
    }
    if (open !== undefined) signals.push({ kind: 'message.done', key: open.key });
    return signals;
  }
};

/** Reasoning in a chat completions chunk (two spellings are in use) or in a part of the AI SDK. */
const reasoningDelta = (chunk: unknown): string | undefined => {
  if (textField(chunk, 'type') === 'reasoning-delta')
    return nonEmpty(textField(chunk, 'delta') ?? textField(chunk, 'text'));
  const delta = field(listField(chunk, 'choices')[0], 'delta');
  return nonEmpty(textField(delta, 'reasoning') ?? textField(delta, 'reasoning_content'));
};

const refusalDelta = (chunk: unknown): string | undefined =>
  nonEmpty(textField(field(listField(chunk, 'choices')[0], 'delta'), 'refusal'));

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);
