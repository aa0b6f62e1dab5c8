/** A tool that runs in the page: only the page can change its own theme. */
import { type RunContext, tool } from '@openai/agents';
import { z } from 'zod';
import { contextOf, type DemoContext } from './demo-context.ts';

export const SET_THEME = 'set_theme';

/** Asks the page to change its theme. The run stops at this tool and goes on with the page's answer. */
export const themeTool = tool({
  name: SET_THEME,
  description: 'Changes the theme of the page that the user is looking at. The page answers with the theme in use.',
  parameters: z.object({ theme: z.enum(['light', 'dark']) }),
  execute({ theme }, run: RunContext<DemoContext> | undefined, details) {
    contextOf(run).callClientTool({ name: SET_THEME, arguments: { theme }, callId: details?.toolCall?.callId });
    return 'The page was asked.';
  },
});
