/** Where the page shows a passage: the file as plain text, scrolled to the heading by a text fragment. */
import type { Passage } from './split-passages.ts';

export const sourceUrl = (passage: Passage): string =>
  `/source/${passage.path}#:~:text=${encodeURIComponent(passage.heading).replaceAll('-', '%2D')}`;
