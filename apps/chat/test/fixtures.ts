import { createPassageIndex } from '../server/knowledge/passage-index.ts';
import type { MarkdownDocument } from '../server/knowledge/split-passages.ts';

/** A small documentation with one answer to each of a few questions. */
export const documents: MarkdownDocument[] = [
  {
    path: 'README.md',
    text: `# Lighthouse

A toolkit for [lamps](docs/lamps.md). <!-- a comment --> ![logo](logo.png)

## Install

Run this command in the folder of your project:

\`\`\`sh
npm install lighthouse
\`\`\`

It needs Node 22. Nothing else is installed.
`,
  },
  {
    path: 'docs/lamps.md',
    text: `# Lamps

## Stopping a lamp

A lamp stops when its signal aborts. Its \`finally\` blocks run, and the light fades within a second.

## Reconnecting

A lamp that lost its cable resumes from its last offset. Nothing is shown twice.

## Table of lamps

| lamp | colour |
|---|---|
| north | white |
| south | red |
| east | green |
| west | amber |
| rock | violet |
`,
  },
];

export const index = createPassageIndex(documents);
