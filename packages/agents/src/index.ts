// Bridges from the OpenAI Agents SDK: a streamed run to ChatKit events, and a thread to the agent's input.
// Other sources have entries of their own: `@chatkit/agents/ai-sdk` and `@chatkit/agents/text`.

export { accumulateText } from './accumulate-text.ts';
export { AgentContext, type AgentContextOptions, type ClientToolCall } from './agent-context.ts';
export type { AgentRun, AgentRunEvent } from './agent-run.ts';
export type { RawCitation } from './agent-signal.ts';
export { type ApprovableState, applyApprovals, takeApprovalState } from './approvals.ts';
export type { HostedToolCall } from './hosted-tool-call.ts';
export { ResponseStreamConverter, type ResponseStreamConverterOptions } from './response-stream-converter.ts';
export { type StreamAgentResponseOptions, streamAgentResponse } from './stream-agent-response.ts';
export { type AgentInputContent, simpleToAgentInput, ThreadItemConverter } from './thread-item-converter.ts';
