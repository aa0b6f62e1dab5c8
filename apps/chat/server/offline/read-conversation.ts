/** What a model is sent, as the offline model understands it. */
import type { AgentInputItem } from '@openai/agents';
import { type AttachedFile, readAttached } from '../agent/attached.ts';
import { CLICKED } from '../agent/history.ts';
import type { PastTurn } from '../knowledge/read-question.ts';

/** What a tool returned since the user's last words. */
export interface ToolResult {
  readonly name: string;
  readonly output: string;
}

export interface Conversation {
  /** The user's last words, or what they clicked on, as a question. */
  readonly question: string;
  readonly past: readonly PastTurn[];
  /** What came with the last words. */
  readonly files: readonly AttachedFile[];
  /** Oldest first. */
  readonly results: readonly ToolResult[];
}

/** Messages that tell the model what the user saw. They are the user's by their role, but not the user's words. */
const told =
  /^(?:The following graphical UI widget|A message was displayed|A structured input request|Hidden context for the agent|The user is referring to)/;

/** Reads the input of a model request. */
export const readConversation = (input: string | readonly AgentInputItem[]): Conversation => {
  if (typeof input === 'string') return { question: input, past: [], files: [], results: [] };
  const questions: string[] = [];
  let files: AttachedFile[] = [];
  let results: ToolResult[] = [];
  for (const item of input) {
    if (item.type === 'function_call_result') {
      results.push({ name: item.name, output: outputOf(item.output) });
    } else if ('role' in item && item.role === 'user') {
      const parts = textsOf(item.content);
      const text = questionIn(parts.filter((part) => readAttached(part) === undefined).join(' '));
      if (text === undefined) continue;
      questions.push(text);
      files = parts.flatMap((part) => readAttached(part) ?? []);
      results = [];
    }
  }
  return {
    question: questions.at(-1) ?? '',
    past: questions.slice(0, -1).map((question) => ({ question, sourceUrls: [] })),
    files,
    results,
  };
};

const questionIn = (text: string): string | undefined => {
  if (told.test(text)) return undefined;
  if (!text.startsWith(CLICKED)) return text;
  return `What is ${text.slice(CLICKED.length).split('. ')[0]}?`;
};

const textsOf = (content: unknown): string[] =>
  typeof content === 'string' ? [content] : (content as { text?: string }[]).map((part) => part.text ?? '');

const outputOf = (output: unknown): string => {
  if (typeof output === 'string') return output;
  return Array.isArray(output) ? textsOf(output).join(' ') : ((output as { text?: string }).text ?? '');
};
