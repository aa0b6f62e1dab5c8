/** Structured input: questions that the assistant puts to the user, and the answers that come back. */

/** One question, told apart by `type`. */
export type StructuredInput = MultipleChoiceInput | FreeformInput;

/** A question that is answered by one or more of its options, or by words of the user. */
export type MultipleChoiceInput = {
  type: 'multiple_choice';
  /** Names the question among those of its item. */
  id: string;
  question: string;
  options: { value: string }[];
  /** Whether more than one option may be chosen. */
  multiple: boolean;
  /** Absent until the user has answered. */
  answer?: StructuredInputAnswer | undefined;
};

/** A question that is answered in words. */
export type FreeformInput = {
  type: 'freeform';
  /** Names the question among those of its item. */
  id: string;
  question: string;
  description?: string | undefined;
  /** Absent until the user has answered. */
  answer?: StructuredInputAnswer | undefined;
};

/** What the user said to one question. */
export type StructuredInputAnswer = {
  /** May hold other values than the options: an answer of one's own is allowed. */
  values: string[];
  skipped: boolean;
};

/** What the user said to all questions of an item. */
export type StructuredInputResult = {
  status: 'answered' | 'skipped';
  /** By the id of the question. One without an answer counts as skipped. */
  answers: Record<string, StructuredInputAnswer>;
};
