/**
 * What one rendering may cost. A template is data, and perhaps somebody else's: it must exhaust neither the memory nor
 * the time of the process.
 */
import { renderFailed } from './template-error.ts';

/** The most characters of one text. */
export const maxText = 10_000_000;

/** The most entries of a list that a template makes, and the most spaces that it asks for at once. */
export const maxItems = 100_000;

/**
 * A step is an expression, an entry of a list that is gone through, or sixteen characters. A large widget takes some
 * ten thousand.
 */
const maxSteps = 2_000_000;

/** Rendering is synchronous, so one count serves all. */
let left = 0;

export const beginRendering = (): void => {
  left = maxSteps;
};

/** Counts steps, before or right after they are taken. */
export const spend = (steps: number): void => {
  left -= steps;
  if (left < 0) throw renderFailed(`A template takes more than ${maxSteps} steps.`);
};

/** Refuses a text that is too long. */
export const bounded = (text: string): string => {
  if (text.length > maxText) throw renderFailed(`A template wrote more than ${maxText} characters.`);
  return text;
};
