/**
 * What the offline model says next: it calls a tool, or it answers. Pure: the same conversation and index give the same
 * reply.
 */
import { z } from 'zod';
import { FORGET } from '../agent/forget-tool.ts';
import { SHOW_PACKAGES } from '../agent/packages-tool.ts';
import { foundPassage, SEARCH } from '../agent/search-tool.ts';
import { SET_THEME } from '../agent/theme-tool.ts';
import type { FoundPassage, PassageIndex } from '../knowledge/passage-index.ts';
import { readQuestion } from '../knowledge/read-question.ts';
import { keywordsOf } from '../knowledge/terms.ts';
import { answerSmallTalk } from './answer-small-talk.ts';
import { type Answer, composeAnswer, composeNothingFound } from './compose-answer.ts';
import { describeFiles } from './describe-files.ts';
import type { Conversation, ToolResult } from './read-conversation.ts';

/** What the model thinks first, if anything, and what it does then. */
export type Reply =
  | { readonly thought: string; readonly call: { readonly name: string; readonly arguments: object } }
  | { readonly thought?: string | undefined; readonly answer: Answer };

/** Decides. */
export const planReply = (conversation: Conversation, index: PassageIndex): Reply => {
  const result = conversation.results.at(-1);
  return result === undefined ? begin(conversation, index) : goOn(conversation, result, index);
};

const theme = /\b(dark|light|night|day|bright)(?:er)?\b(?:\s+(?:theme|mode|colou?rs?|page|background)\b|[\s.!?]*$)/i;
const themeWish = /\b(?:switch|change|use|make|turn|set|go|want|prefer|please|give|can)\b|^(?:the )?(?:dark|light)/i;
const forget =
  /^(?:please |can you |could you )*(?:forget|delete|clear|erase|wipe|remove)\b.*\b(?:conversation|everything|history|chat|all|said|messages?|thread)\b/i;
const packages = /\b(?:which|what|list|show|all)\b.*\bpackages\b|^packages[\s.?!]*$/i;

const begin = ({ question, past, files }: Conversation, index: PassageIndex): Reply => {
  if (files.length > 0) return { answer: say(describeFiles(files, question)) };
  const wished = theme.exec(question)?.[1]?.toLowerCase();
  if (wished !== undefined && themeWish.test(question)) {
    const name = wished === 'dark' || wished === 'night' ? 'dark' : 'light';
    return {
      thought: `The ${name} theme is wanted. Only the page can change that, so I ask it to.`,
      call: { name: SET_THEME, arguments: { theme: name } },
    };
  }
  if (forget.test(question))
    return {
      thought: 'This would delete messages for good. I may do that, but only when the user approves.',
      call: { name: FORGET, arguments: {} },
    };
  if (packages.test(question))
    return {
      thought: 'A list of the packages answers this best, one that can be clicked.',
      call: { name: SHOW_PACKAGES, arguments: {} },
    };
  const intent = readQuestion(question, past);
  if (intent.kind === 'small_talk') return { answer: answerSmallTalk(intent.talk, index) };
  return { thought: thinkAbout(question, intent.kind), call: { name: SEARCH, arguments: { query: question } } };
};

const thinkAbout = (question: string, kind: 'question' | 'overview' | 'more'): string => {
  if (kind === 'overview') return 'This asks what the project is. Its README says that first.';
  if (kind === 'more') return 'There may be more about this. I leave out what I have shown already.';
  const words = keywordsOf(question).slice(0, 6);
  if (words.length === 0) return 'I look for this in the documentation.';
  return `The words that tell most here: ${words.join(', ')}. I look for passages that have them.`;
};

const goOn = (conversation: Conversation, { name, output }: ToolResult, index: PassageIndex): Reply => {
  switch (name) {
    case SET_THEME:
      return { answer: say(afterTheme(output)) };
    case FORGET:
      return { answer: say(afterForget(output)) };
    case SHOW_PACKAGES:
      return afterPackages(conversation, output, index);
    default:
      return afterSearch(conversation, output, index);
  }
};

const say = (text: string): Answer => ({ text, citations: [] });

const afterTheme = (output: string): string => {
  const { theme: used, error } = parse(
    output,
    z.object({ theme: z.string().optional(), error: z.string().optional() }).catch({}),
  );
  if (used === undefined) return `The page could not change its theme${error === undefined ? '.' : `: ${error}`}`;
  return `Done: the page is ${used} now. The button at the top right does the same.`;
};

const afterForget = (output: string): string => {
  const { deleted_messages: count } = parse(output, z.object({ deleted_messages: z.number().optional() }));
  if (count === undefined) return 'All right, everything stays as it is.';
  if (count === 0) return 'There was nothing to forget: this is where the conversation begins.';
  return `Done. ${count === 1 ? 'One message is' : `${count} messages are`} gone, here and in the store. What would you like to know?`;
};

const afterPackages = ({ question }: Conversation, output: string, index: PassageIndex): Reply => {
  const names = parse(output, z.array(z.string()).catch([]));
  if (names.length === 0) return { answer: composeNothingFound(question, index) };
  const [first, last] = [names[0], names.at(-1)];
  const range =
    names.length === 1 ? `one package, \`${first}\`` : `${names.length} packages, from \`${first}\` to \`${last}\``;
  return {
    answer: say(
      `There ${names.length === 1 ? 'is' : 'are'} ${range}. Each can be used by itself. Choose one to read what it is for.`,
    ),
  };
};

const afterSearch = ({ question, past }: Conversation, output: string, index: PassageIndex): Reply => {
  const found = parse(output, z.array(foundPassage).catch([])).map(
    ({ text, ...passage }, rank): FoundPassage => ({
      passage: { ...passage, trail: [], body: text },
      score: 1 / (rank + 1),
    }),
  );
  const [best, ...others] = found;
  if (best === undefined)
    return {
      thought: 'No passage covers this. I say so rather than guess.',
      answer: composeNothingFound(question, index),
    };
  const intent = readQuestion(question, past);
  const terms = intent.kind === 'small_talk' ? [] : intent.terms;
  const context = intent.kind === 'question' ? intent.context : [];
  const rest =
    others.length === 0
      ? ''
      : others.length === 1
        ? ' Another one is worth a look.'
        : ` ${others.length} others are worth a look.`;
  return {
    thought: `“${best.passage.heading}” in ${best.passage.path} covers it best.${rest}`,
    answer: composeAnswer(
      found,
      index.relevanceTo([...terms, ...context]),
      intent.kind !== 'small_talk' && intent.wantsCode,
    ),
  };
};

/** Reads JSON that a tool returned. What is not JSON, as a refusal is, reads as an empty object. */
const parse = <Schema extends z.ZodType>(text: string, schema: Schema): z.infer<Schema> => {
  let value: unknown = {};
  try {
    value = JSON.parse(text);
  } catch {
    // Read as nothing.
  }
  return schema.parse(value);
};
