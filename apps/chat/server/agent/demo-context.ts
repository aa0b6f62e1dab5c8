/** What the demo's tools hold in their hands beside what every `AgentContext` offers. */
import { AgentContext, type AgentContextOptions } from '@chatkit/agents';
import type { RunContext } from '@openai/agents';
import type { Visitor } from '../anonymous-user.ts';
import type { PastTurn } from '../knowledge/read-question.ts';
import type { Passage } from '../knowledge/split-passages.ts';

/** The context of one run of the demo's agent. */
export class DemoContext extends AgentContext<Visitor> {
  declare readonly signal: AbortSignal;
  /** The turns before this one: what "it" and "more" stand for. */
  readonly past: readonly PastTurn[];
  /** What the search tool has found in this run, best first. */
  readonly found: Passage[] = [];

  constructor(options: AgentContextOptions<Visitor> & { signal: AbortSignal; past: readonly PastTurn[] }) {
    super(options);
    this.past = options.past;
  }
}

/** The context inside a tool. The SDK types it as optional; a run of this app always has one. */
export const contextOf = (run: RunContext<DemoContext> | undefined): DemoContext => {
  if (run === undefined) throw new TypeError('This tool runs in a run of the demo only.');
  return run.context;
};
