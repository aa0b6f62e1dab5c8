/** What is not a question about the project: no search helps. */

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
