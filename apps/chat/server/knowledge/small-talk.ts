/** What is not a question about the project: no search helps. */

export type SmallTalk = 'greeting' | 'thanks' | 'about_answers' | 'about_me' | 'farewell' | 'off_task' | 'anger';

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
  // Who wrote what is read here; not whether one's own users' texts come from a model.
  [
    'about_answers',
    /^(?:so |and |wait,? )?(?:is|was|were|are|did|do|does)\b(?=.{0,40}\b(?:this|it|that|these|those|you|your|answers?|docs|code|project|page)\b)(?=\s*(?:\S+\s+){0,9}\S+\s*$).*(?:\b(?:written|made|generated|coded|built|created|produced) (?:by|with) (?:an? )?(?:ai(?! sdk)|llm|chat ?gpt|gpt|claude|copilot|cursor|codex|gemini|human|person|machine|robot|bot)s?\b|\b(?:ai|llm|machine)[- ](?:generated|written|made|slop|coded)\b|\bvibe[- ]?cod\w+|\bhallucinat\w+|\b(?:human|person|ai|bot|llm|machine) (?:write|make|code|generate)\b)/i,
  ],
  [
    'about_me',
    /^(?:who|what) are you\b|^what can you (?:do|help)|^(?:can you )?help(?: me)?[\s.!?]*$|^what do you know\b|^are you (?:an? |really )*(?:ai|bot|human|real|model|llm|chatgpt|gpt|claude|gemini|openai)\b|^(?:what|which) (?:model|llm|ai|gpt)(?: (?:is|are|powers|runs|does|do) (?:this|it|you|that)| version)\b|\byour (?:system )?(?:prompt|instructions)\b/i,
  ],
  [
    'off_task',
    /^(?:please |can you |could you )*(?:write|compose|tell|sing|draw|translate|generate|give)\b.*\b(?:poem|haiku|joke|story|song|essay|limerick|picture|translation)s?\b|\bignore (?:all |any |your |the )*(?:previous |prior |above )?instructions\b|^(?:what(?:['’]?s| is) )?\d+\s*[-+*/x]\s*\d+[=?\s]*$|^what(?:['’]?s| is) the (?:time|date|weather)\b|^what (?:time|day) is it\b/i,
  ],
  // In a few words only: in many of them it is a question, whatever its tone.
  [
    'anger',
    /^(?:\S+\s+){0,3}(?:fuck(?:ing|ed)?|shit|crap|garbage|bullshit|stupid|useless|sucks?)(?:\s+\S*[^\s.!?])?[\s.!?]*$/i,
  ],
];

/** Which kind of small talk a text is, if it is any. */
export const isSmallTalk = (text: string): SmallTalk | undefined =>
  patterns.find(([, pattern]) => pattern.test(text.trim()))?.[0];
