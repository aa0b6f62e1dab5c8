/**
 * A text that grows, in pieces: only what stood last is cut again, so that a delta costs the same in a long text as in
 * a short one.
 */

/** A text and its pieces, which joined are the text. */
export interface Grown {
  readonly text: string;
  readonly pieces: readonly string[];
}

/** Cuts a text. For every prefix of a text, all pieces but the last MUST be pieces of the whole text too. */
export type Cut = (text: string) => readonly string[];

/** `text` in pieces. Where it goes on from `before`, those that were complete there are the same strings. */
export const grow = (cut: Cut, text: string, before?: Grown): Grown => {
  const last = before?.pieces.at(-1);
  if (before === undefined || last === undefined || !text.startsWith(before.text)) return { text, pieces: cut(text) };
  const start = before.text.length - last.length;
  return { text, pieces: [...before.pieces.slice(0, -1), ...cut(text.slice(start))] };
};
