/** The types of structured input: the assistant's questions to the user, and the answers. */

/** One question, discriminated by `type`. */
export type StructuredInput = MultipleChoiceInput | FreeformInput;

/** A question answered by choosing one or more options, or in the user's own words. */
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

/** A question answered in words. */
export type FreeformInput = {
  type: 'freeform';
  /** Names the question among those of its item. */
  id: string;
  question: string;
  description?: string | undefined;
  /** Absent until the user has answered. */
  answer?: StructuredInputAnswer | undefined;
};

/** The user's answer to one question. */
export type StructuredInputAnswer = {
  /** May contain values that are not among the options: free answers are allowed. */
  values: string[];
  skipped: boolean;
};

/** The user's answers to all questions of an item. */
export type StructuredInputResult = {
  status: 'answered' | 'skipped';
  /** By question id. A question without an answer counts as skipped. */
  answers: Record<string, StructuredInputAnswer>;
};
