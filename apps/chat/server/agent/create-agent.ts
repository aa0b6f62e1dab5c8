/** The demo's agent: who it is, and what it can do. Which model is behind it, it does not know. */
import { Agent, type AgentInputItem, type Model, type ModelSettings } from '@openai/agents';
import type { DemoContext } from './demo-context.ts';
import { FORGET, forgetTool } from './forget-tool.ts';
import { createPackagesTool, SHOW_PACKAGES } from './packages-tool.ts';
import { createSearchTool, SEARCH, type SearchToolOptions } from './search-tool.ts';
import { SET_THEME, themeTool } from './theme-tool.ts';

const instructions = `You answer questions about ChatKit for TypeScript, an open streaming stack for AI chat. You know it from its
documentation alone: call ${SEARCH} before you answer a question about the project, with the words that tell most, and again with
other words when the first passages do not hold the answer. Be brief and exact, in Markdown. You need not name your sources: the
page lists the passages that you found. When they do not hold the answer, say so.

Call ${SHOW_PACKAGES} when the user asks which packages there are, ${SET_THEME} when they want the page light or dark, and ${FORGET} when they
want the conversation forgotten.`;

export interface DemoAgentOptions extends SearchToolOptions {
  readonly model: Model;
  readonly modelSettings?: ModelSettings | undefined;
}

export type DemoAgent = Agent<DemoContext>;

/** Makes the agent. Its runs need a `DemoContext`, and stop at the tool that the page runs. */
export const createAgent = ({ model, modelSettings = {}, ...search }: DemoAgentOptions): DemoAgent =>
  new Agent<DemoContext>({
    name: 'Guide',
    instructions,
    model,
    modelSettings,
    tools: [createSearchTool(search), createPackagesTool(search.index.documents), themeTool, forgetTool],
    toolUseBehavior: { stopAtToolNames: [SET_THEME] },
  });

/** What a run of the agent begins with. */
export type AgentInput = AgentInputItem[];
