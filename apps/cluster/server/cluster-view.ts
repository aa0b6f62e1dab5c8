/**
 * What the page shows of the cluster, as a value: who is up, who writes, and what happened last. Made of the reports of
 * the machines and of what the page's buttons did. A machine that says nothing for a second counts as silent, whether
 * it was suspended or hangs: that is all a balancer can know of it.
 */
import type { MachineReport } from './machine-reports.ts';

export type MachineStatus = 'starting' | 'up' | 'silent' | 'down';

export interface MachineView {
  readonly name: string;
  readonly status: MachineStatus;
  /** The run that it executes, or executed when it was killed, and how many words it has written. */
  readonly run: { readonly id: string; readonly written: number } | undefined;
}

export interface ClusterView {
  readonly machines: readonly MachineView[];
  readonly leaseMs: number;
  /** How long a machine that was killed keeps its answer: for its lease, or less where its death is seen. */
  readonly deathMs: number;
  /** The newest last. */
  readonly happenings: readonly { readonly id: number; readonly machine: string; readonly text: string }[];
}

/** Something that happened: a report, a button, or the passing of a second without a report. */
export type Happening =
  | MachineReport
  | { type: 'silent' }
  | { type: 'down'; how: 'killed' | 'left' }
  | { type: 'starting' };

const KEPT = 30;

export const initialView = (
  names: readonly string[],
  times: Pick<ClusterView, 'leaseMs' | 'deathMs'>,
): ClusterView => ({
  machines: names.map((name) => ({ name, status: 'starting', run: undefined })),
  ...times,
  happenings: [],
});

export const nextView = (view: ClusterView, name: string, happening: Happening): ClusterView => {
  const machine = view.machines.find((each) => each.name === name);
  if (machine === undefined) return view;
  const next = nextMachine(machine, happening);
  const text = sentenceFor(machine, happening);
  if (next === machine && text === undefined) return view;
  const id = (view.happenings.at(-1)?.id ?? 0) + 1;
  return {
    ...view,
    machines: view.machines.map((each) => (each === machine ? next : each)),
    happenings: text === undefined ? view.happenings : [...view.happenings, { id, machine: name, text }].slice(-KEPT),
  };
};

const nextMachine = (machine: MachineView, happening: Happening): MachineView => {
  switch (happening.type) {
    case 'starting':
      return { ...machine, status: 'starting', run: undefined };
    case 'ready':
    case 'alive':
      return machine.status === 'up' ? machine : { ...machine, status: 'up' };
    case 'silent':
      return { ...machine, status: 'silent' };
    case 'down':
      return { ...machine, status: 'down', run: happening.how === 'killed' ? machine.run : undefined };
    case 'begun':
      return { ...machine, run: { id: happening.runId, written: 0 } };
    case 'wrote':
      return { ...machine, run: { id: happening.runId, written: happening.written } };
    case 'ended':
      return machine.run?.id === happening.runId ? { ...machine, run: undefined } : machine;
    default:
      return machine;
  }
};

const sentenceFor = ({ status, run }: MachineView, happening: Happening): string | undefined => {
  switch (happening.type) {
    case 'ready':
      return 'is up';
    case 'alive':
      return status === 'silent' ? 'speaks again' : undefined;
    case 'silent':
      return 'has fallen silent; its readers go elsewhere';
    case 'down':
      return `${happening.how === 'killed' ? 'was killed' : 'has left'}${run === undefined ? '' : ', in the middle of an answer'}`;
    case 'begun':
      return 'begins an answer';
    case 'ended':
      return happening.isWhole ? 'has written its answer' : 'was stopped';
    case 'unhandled':
      return `has an unhandled rejection: ${happening.message}`;
    default:
      return undefined;
  }
};
