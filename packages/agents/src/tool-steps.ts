/**
 * Shows calls of hosted tools as tasks of the open workflow, and makes sure that none stays `loading` for ever.
 */
import type { Task } from '@chatkit/core';
import type { HostedToolCall } from './hosted-tool-call.ts';
import type { ResponseContext } from './response-context.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** The tool steps of one run. A call is identified by its item's id, which is unique within a response. */
export interface ToolSteps {
  /** Shows that a call has begun. */
  begin(id: string, call: HostedToolCall): void;
  /** Shows how a call has ended, even if its beginning was not shown. */
  end(id: string, call: HostedToolCall): void;
  /** Ends the steps that are still running: no more will come for them, and the next response may reuse their ids. */
  endResponse(): void;
}

interface Step {
  readonly workflow: string | undefined;
  readonly index: number;
  readonly task: Task;
}

export const createToolSteps = (context: ResponseContext, converter: ResponseStreamConverter): ToolSteps => {
  const running = new Map<string, Step>();
  /** Calls whose workflow ended before they did; these can no longer be updated. */
  const left = new Set<string>();

  const add = (call: HostedToolCall): Step | undefined => {
    const task = converter.hostedToolToTask(call);
    if (task === undefined) return undefined;
    const index = context.addWorkflowTask(task);
    return { workflow: context.workflow?.id, index, task };
  };
  /** Updates a step, unless another workflow has taken the place of the step's. */
  const change = ({ workflow, index }: Step, task: Task): void => {
    if (context.workflow?.id === workflow) context.updateWorkflowTask(task, index);
  };
  const halt = (step: Step): void => change(step, { ...step.task, status_indicator: 'none' });
  const settle = (): void => {
    for (const [id, step] of running) {
      left.add(id);
      halt(step);
    }
    running.clear();
  };
  context.beforeWorkflowEnds = settle;

  return {
    begin(id, call) {
      if (running.has(id)) return;
      left.delete(id);
      const step = add(call);
      if (step !== undefined) running.set(id, step);
    },
    end(id, call) {
      if (left.delete(id)) return;
      const step = running.get(id);
      if (step === undefined) {
        add(call);
        return;
      }
      running.delete(id);
      const task = converter.hostedToolToTask(call);
      if (task === undefined) halt(step);
      else change(step, task);
    },
    endResponse() {
      settle();
      left.clear();
    },
  };
};
