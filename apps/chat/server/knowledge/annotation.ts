/** A passage as a source in the protocol. */
import type { Annotation } from '@chatkit/core';
import { sourceUrl } from './source-url.ts';
import type { Passage } from './split-passages.ts';

/** `index` is the position in the answer's text behind which the source is named. */
export const toAnnotation = (passage: Passage, index: number): Annotation => ({
  type: 'annotation',
  source: {
    type: 'url',
    title: passage.heading,
    url: sourceUrl(passage),
    attribution: passage.path,
    description: excerptOf(passage.body),
  },
  index,
});

/** The passage's beginning on one line, without Markdown. */
const excerptOf = (body: string): string => {
  const text = body
    .replace(/^[`~]{3}.*$/gm, '')
    .replace(/\]\([^)]*\)/g, ']')
    .replace(/[`*|[\]]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > 160 ? `${text.slice(0, 159).trimEnd()}…` : text;
};
