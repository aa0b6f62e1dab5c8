/** What a question asks for, given what was asked before. */
import { isSmallTalk, type SmallTalk } from './small-talk.ts';
import { withPhrases } from './synonyms.ts';
import { termsOf } from './terms.ts';

/** A turn that is over: what was asked, and the sources that the answer named. */
export interface PastTurn {
  readonly question: string;
  readonly sourceUrls: readonly string[];
}

export type Intent =
  | { readonly kind: 'small_talk'; readonly talk: SmallTalk }
  /** A question of its own, or one that leans on the one before (`context`). */
  | {
      readonly kind: 'question';
      readonly terms: readonly string[];
      readonly context: readonly string[];
      readonly wantsCode: boolean;
    }
  /** "What is this?": the beginning of the README. */
  | { readonly kind: 'overview'; readonly terms: readonly string[]; readonly wantsCode: boolean }
  /** "Tell me more": the question before, without the passages that were shown. */
  | {
      readonly kind: 'more';
      readonly terms: readonly string[];
      readonly shownUrls: ReadonlySet<string>;
      readonly wantsCode: boolean;
    };

/** Words that lean on what was said before. */
const leaning =
  /^(?:and|also|but|so|then|ok|why|what about|how about|what else|more|another)\b|\b(?:it|its|that|this|those|them|they|there|same|instead)\b/i;
const more =
  /^(?:please\s+)?(?:(?:tell|show|give)(?: me)?(?: some)? )?(?:more|go on|continue|what else|and then|details?|another(?: one| example)?|an? example|examples?)\b(?:[\s.!?…]*please)?[\s.!?…]*$/i;
const overview =
  /^(?:so\s+)?(?:what(?:['’]s| is| does)|why does|is|tell me about|describe|explain) (?:this|it|chatkit|the project)(?: (?:project|do|about|for|all about|thing|toolkit|exist|(?:just )?a \w+))*[\s.?!]*$/i;
/** Asked of nothing before, these ask the same. */
const inShort =
  /^(?:tl;?dr|why|huh|what|wh?at is d?this|wat is dis|wtf(?: is (?:this|it))?|eli5|summary|in a nutshell|about)[\s.?!]*$/i;
const code = /\b(?:example|examples|code|snippet|show me|how (?:do|can|to|does|would)|usage|syntax|command)\b/i;

/** Reads a question in the light of the turns before it, oldest first. */
export const readQuestion = (question: string, past: readonly PastTurn[]): Intent => {
  const text = question.trim();
  const wantsCode = code.test(text);
  const last = past.findLast((turn) => !isSmallTalk(turn.question) && termsOf(turn.question).length > 0);
  if (last !== undefined && more.test(text)) {
    return {
      kind: 'more',
      terms: askedIn(last.question),
      shownUrls: new Set(past.flatMap((turn) => turn.sourceUrls)),
      wantsCode,
    };
  }
  if (overview.test(text) || (last === undefined && inShort.test(text)))
    return { kind: 'overview', terms: [], wantsCode: false };
  const talk = isSmallTalk(text);
  if (talk !== undefined) return { kind: 'small_talk', talk };
  const terms = askedIn(text);
  // "Show me a server" has one word that tells, and needs no other.
  const isWhole = terms.length > 1 || (terms.length === 1 && wantsCode);
  const leans = last !== undefined && (!isWhole || (terms.length <= 4 && leaning.test(text)));
  return { kind: 'question', terms, context: leans ? askedIn(last.question) : [], wantsCode };
};

const askedIn = (question: string): string[] => termsOf(withPhrases(question));
