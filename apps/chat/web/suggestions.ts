/** Questions to begin with: a tour of what this toolkit is for. A test asks each of them of the real documentation. */

export interface Suggestion {
  readonly question: string;
  /** What to do meanwhile, or to look at. */
  readonly hint: string;
}

/** The first one. It opens the wire, where the connection can be broken. */
export const breaking: Suggestion = {
  question: 'What does an answer survive?',
  hint: 'Drop the connection, or pull the plug, while it answers.',
};

export const suggestions: readonly Suggestion[] = [
  { question: 'How does stop work?', hint: 'Press Stop while it answers.' },
  { question: 'What if I reload the page?', hint: 'Reload it while it answers.' },
  { question: 'Show me a server in a few lines', hint: 'Code that is coloured while it comes.' },
  { question: 'Why not just the AI SDK?', hint: 'Open its address in a second tab.' },
  { question: 'Which packages are there?', hint: 'A widget: choose a row.' },
];

/** A tool that runs in this page. */
export const themeWish = (theme: 'light' | 'dark'): Suggestion => ({
  question: `Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`,
  hint: 'A tool that runs in this page.',
});
