/** Questions to begin with. A test asks each of them of the real documentation. */
export const suggestions = [
  'How does a token get from respond() to the screen?',
  'What happens when a client disconnects?',
  'Show me a server in a few lines',
  'Which packages are there?',
] as const;

/** What else to try: a tool that runs in this page, and what the assistant says of itself. */
export const wishes = (theme: 'light' | 'dark'): readonly string[] => [
  `Switch to the ${theme === 'dark' ? 'light' : 'dark'} theme`,
  'What can you do?',
];
