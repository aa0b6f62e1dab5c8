/**
 * Calls of hosted tools as tasks of the open workflow. None stays `loading`: nothing may look as if it went on for
 * ever.
 */
import type { Task } from '@chatkit/core';
import type { HostedToolCall } from './hosted-tool-call.ts';
import type { ResponseContext } from './response-context.ts';
import type { ResponseStreamConverter } from './response-stream-converter.ts';

/** The steps of one run. A call is known by its item's id, within one response. */
export interface ToolSteps {
  /** Shows a call that begins. */
  begin(id: string, call: HostedToolCall): void;
  /** Shows how a call has ended; one that was not announced is shown as ended. */
  end(id: string, call: HostedToolCall): void;
  /** What is still running will not be heard of again, and the next response may use its ids. */
  endResponse(): void;
}

interface Step {
  readonly workflow: string | undefined;
  readonly index: number;
  readonly task: Task;
}

export const createToolSteps = (context: ResponseContext, converter: ResponseStreamConverter): ToolSteps => {
  const running = new Map<string, Step>();
  /** Calls whose workflow ended before they did: nothing more can be said of them. */
  const left = new Set<string>();

  const add = (call: HostedToolCall): Step | undefined => {
    const task = converter.hostedToolToTask(call);
    if (task === undefined) return undefined;
    const index = context.addWorkflowTask(task);
    return { workflow: context.workflow?.id, index, task };
  };
  /** A tool may have put another workflow in its place. */
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
