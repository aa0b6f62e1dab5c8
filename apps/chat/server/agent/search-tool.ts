/** The tool that searches the documentation: the user sees the search, the model gets the passages. */
import { progressUpdate, type Task } from '@chatkit/core';
import { type RunContext, tool } from '@openai/agents';
import { z } from 'zod';
import { findPassages } from '../knowledge/find-passages.ts';
import type { PassageIndex } from '../knowledge/passage-index.ts';
import { sourceUrl } from '../knowledge/source-url.ts';
import { type WaitingClock, wallClock } from '../wall-clock.ts';
import { contextOf, type DemoContext } from './demo-context.ts';

/** A passage as the model reads it. */
export const foundPassage = z.object({
  id: z.string(),
  path: z.string(),
  document: z.string(),
  heading: z.string(),
  url: z.string(),
  text: z.string(),
});

export interface SearchToolOptions {
  readonly index: PassageIndex;
  /** How long the search seems to take, so that a person can see it. */
  readonly pauseMs: number;
  readonly clock?: WaitingClock | undefined;
}

export const SEARCH = 'search_documentation';

/** Makes the tool. Its result is a JSON list of passages, best first; an empty one when nothing fits. */
export const createSearchTool = ({ index, pauseMs, clock = wallClock }: SearchToolOptions) =>
  tool({
    name: SEARCH,
    description:
      'Searches the documentation of ChatKit for TypeScript and returns the passages that fit best, as JSON. Use it for every question about the project, and answer from what it returns.',
    parameters: z.object({ query: z.string().describe('What to look for: the question, or its most telling words') }),
    async execute({ query }, run: RunContext<DemoContext> | undefined) {
      const context = contextOf(run);
      const step: Task = {
        type: 'custom',
        status_indicator: 'loading',
        icon: 'search',
        title: 'Searching',
        content: query,
      };
      context.stream(progressUpdate(`Searching ${index.size} passages…`, { icon: 'search' }));
      const task = context.addWorkflowTask(step);
      const workflow = context.workflow?.id;
      const passages = findPassages(index, query, context.past).map((each) => each.passage);
      await clock.sleep(pauseMs, context.signal);
      const result = passages.length === 0 ? 'Found nothing' : `Found ${passages.length}`;
      context.stream(progressUpdate(result, { icon: 'document' }));
      // Another tool that ran beside this one may have shown something, which ends the workflow.
      if (workflow === context.workflow?.id)
        context.updateWorkflowTask({ ...step, status_indicator: 'complete', title: 'Searched' }, task);
      if (passages.length > 0 && workflow === context.workflow?.id)
        context.addWorkflowTask({
          type: 'file',
          status_indicator: 'complete',
          title: `Found ${passages.length === 1 ? 'one passage' : `${passages.length} passages`}`,
          sources: passages.map(({ path, heading }) => ({ type: 'file', filename: path, title: heading })),
        });
      context.found.push(...passages);
      return JSON.stringify(
        passages.map(
          (passage): z.infer<typeof foundPassage> => ({
            id: passage.id,
            path: passage.path,
            document: passage.document,
            heading: passage.heading,
            url: sourceUrl(passage),
            text: passage.body,
          }),
        ),
      );
    },
  });
