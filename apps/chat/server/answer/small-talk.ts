/** Answers to what is not a question about the project. */
import type { PassageIndex } from '../knowledge/passage-index.ts';
import { type Answer, topicsOf } from './compose-answer.ts';

export type SmallTalk = 'greeting' | 'thanks' | 'about_me' | 'farewell';

const patterns: readonly (readonly [SmallTalk, RegExp])[] = [
  [
    'greeting',
    /^(?:hi|hello|hey|hiya|good (?:morning|afternoon|evening)|howdy|yo|moin|hallo|bonjour|hola)(?: there| you| all)?[\s.!?👋]*$/iu,
  ],
  [
    'thanks',
    /^(?:ok(?:ay)?[,.!]?\s+)?(?:thanks?(?: you)?|thx|ty|cheers|great|nice|cool|perfect|awesome)(?:[\s,.!]+(?:a lot|so much|very much|thanks?|thank you))?[\s.!]*$/i,
  ],
  ['farewell', /^(?:bye|goodbye|see you|good night|ciao)[\s.!]*$/i],
  [
    'about_me',
    /^(?:who|what) are you\b|^what can you (?:do|help)|^(?:can you )?help(?: me)?[\s.!?]*$|^what do you know\b|^are you (?:an? )?(?:ai|bot|human|model|llm)\b/i,
  ],
];

/** Which kind of small talk a text is, if it is any. */
export const isSmallTalk = (text: string): SmallTalk | undefined =>
  patterns.find(([, pattern]) => pattern.test(text.trim()))?.[0];

/** A friendly answer that says what this assistant is for. */
export const answerSmallTalk = (talk: SmallTalk, index: PassageIndex): Answer => {
  const topics = topicsOf(index, 5);
  const list = topics.length === 0 ? '' : `\n\n${topics.map((each) => `- ${each}`).join('\n')}`;
  const about = `I answer questions about this project from its own Markdown: ${index.size} passages from ${index.documents.length} files, searched on this machine. There is no model behind me and nothing leaves your computer.`;
  const text = {
    greeting: `Hello! ${about} Ask me about one of these, for example:${list}`,
    about_me: `${about} With \`OPENAI_API_KEY\` set, the same page talks to a real model instead, with the same passages as its context. I know about:${list}`,
    thanks: 'You are welcome. Is there anything else you would like to know?',
    farewell: 'Goodbye! The conversation stays in the list, if you want to come back to it.',
  }[talk];
  return { text: topics.length === 0 ? text.replace(/ (?:Ask me|I know) about.*:$/, '') : text, citations: [] };
};
