/** What the assistant may ask of this page. */
import type { ClientToolHandler } from '@chatkit/client';
import type { ClientToolCallItem } from '@chatkit/core';
import { setTheme } from './hooks/use-theme.ts';

/** Runs a tool of the page. What it throws reaches the assistant as an error. */
export const runClientTool: ClientToolHandler = ({ name, arguments: args }) => {
  if (name !== 'set_theme') throw new Error(`This page has no tool “${name}”.`);
  const { theme } = args;
  if (theme !== 'light' && theme !== 'dark') throw new Error('There is a light theme and a dark one.');
  setTheme(theme);
  return { theme };
};

/** What a tool call did, for the reader. */
export const describeToolCall = ({ name, arguments: args, status, output }: ClientToolCallItem): string => {
  if (name !== 'set_theme') return `The page was asked for ${name}`;
  if (status === 'pending') return `Changing the page to the ${args['theme']} theme…`;
  const failed = typeof output === 'object' && output !== null && 'error' in output;
  return failed ? 'The page kept its theme' : `This page changed to the ${args['theme']} theme`;
};
