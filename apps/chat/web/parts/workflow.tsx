import type { Task, WorkflowItem } from '@chatkit/core';
import { type ReactNode, useEffect, useState } from 'react';
import { CheckIcon, ChevronIcon, DocumentIcon, SearchIcon, ThoughtIcon } from './icons.tsx';
import { ProgressLine } from './progress-line.tsx';

export interface Progress {
  readonly text: string;
  readonly icon?: string | undefined;
}

interface WorkflowProps {
  item: WorkflowItem;
  running: boolean;
  progress: Progress | undefined;
}

/** How an answer came about: open while it happens, one line afterwards, which opens it again. */
export const WorkflowView = ({ item, running, progress }: WorkflowProps) => {
  const [open, setOpen] = useState(running || item.workflow.expanded);
  useEffect(() => setOpen(running), [running]);
  const { tasks } = item.workflow;
  return (
    <details className="workflow" open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {running ? (
          <ProgressLine text={progress?.text ?? 'Thinking…'} icon={progress?.icon ?? 'thought'} />
        ) : (
          <Summary item={item} />
        )}
        <ChevronIcon />
      </summary>
      <ol>
        {tasks.map((task, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a task is known by its index
          <Step key={index} task={task} />
        ))}
      </ol>
    </details>
  );
};

const Summary = ({ item }: { item: WorkflowItem }) => {
  const { summary, type, tasks } = item.workflow;
  const verb = type === 'reasoning' ? 'Thought' : 'Worked';
  const steps = tasks.length > 1 ? ` · ${tasks.length} steps` : '';
  return (
    <span className="done">
      <ThoughtIcon />
      {summary !== undefined && 'title' in summary ? summary.title : `${verb} for ${duration(summary?.duration ?? 0)}`}
      {steps}
    </span>
  );
};

const duration = (seconds: number): string => {
  if (seconds < 1) return 'a moment';
  if (seconds < 60) return seconds === 1 ? 'a second' : `${seconds} seconds`;
  return `${Math.round(seconds / 60)} min`;
};

const Step = ({ task }: { task: Task }) => {
  switch (task.type) {
    case 'thought':
      return <Line icon={<ThoughtIcon />}>{task.content}</Line>;
    case 'custom':
      return (
        <Line
          icon={task.icon === 'search' ? <SearchIcon /> : <CheckIcon />}
          loading={task.status_indicator === 'loading'}
        >
          {task.title} {task.content !== undefined && <q>{task.content}</q>}
        </Line>
      );
    case 'file':
      return (
        <Line icon={<DocumentIcon />}>
          {task.title}
          <ul>
            {task.sources.map((source) => (
              <li key={`${source.filename} ${source.title}`}>
                {source.title} <span className="from">{source.filename}</span>
              </li>
            ))}
          </ul>
        </Line>
      );
    default:
      return <Line icon={<CheckIcon />}>{task.title}</Line>;
  }
};

const Line = ({ icon, loading, children }: { icon: ReactNode; loading?: boolean; children: ReactNode }) => (
  <li data-loading={loading || undefined}>
    {icon}
    <div>{children}</div>
  </li>
);
