/** The machines: who is up, who writes, whom each serves, and the buttons that do them harm. */
import type { ClusterView, MachineStatus, MachineView } from '../server/cluster-view.ts';
import { fromTemplate, part } from './part.ts';
import type { Reader } from './reader.ts';

const buttons: Record<MachineStatus, readonly string[]> = {
  starting: [],
  up: ['kill', 'pause', 'deploy'],
  silent: ['resume', 'kill'],
  down: ['start'],
};
const words: Record<MachineStatus, string> = { starting: 'starting', up: 'up', silent: 'silent', down: 'down' };

export const createMachineCards = (list: HTMLElement) => {
  const cards = new Map<string, HTMLElement>();

  const create = (name: string): HTMLElement => {
    const card = fromTemplate('machine');
    card.classList.add(`on-${name}`);
    part(card, '.name').textContent = `Machine ${name.toUpperCase()}`;
    card.addEventListener('click', ({ target }) => {
      const verb = (target as HTMLElement).dataset['verb'];
      if (verb !== undefined) void fetch(`/machines/${name}/${verb}`, { method: 'POST' });
    });
    list.append(card);
    cards.set(name, card);
    return card;
  };

  return {
    show(view: ClusterView, readers: readonly Reader[]): void {
      for (const machine of view.machines) {
        const card = cards.get(machine.name) ?? create(machine.name);
        card.dataset['status'] = machine.status;
        card.classList.toggle('writes', machine.run !== undefined && machine.status === 'up');
        card.classList.toggle('lapses', machine.run !== undefined && isGone(machine));
        card.style.setProperty('--lease', `${machine.status === 'down' ? view.deathMs : view.leaseMs}ms`);
        part(card, '.status').textContent = words[machine.status];
        part(card, '.role').textContent = roleOf(machine, view, readers);
        for (const button of card.querySelectorAll<HTMLButtonElement>('button')) {
          button.hidden = !buttons[machine.status].includes(button.dataset['verb'] ?? '');
        }
      }
    },
  };
};

const isGone = ({ status }: MachineView): boolean => status === 'down' || status === 'silent';

const roleOf = (machine: MachineView, view: ClusterView, readers: readonly Reader[]): string => {
  const { name, status, run } = machine;
  if (status === 'starting') return 'Starting…';
  if (isGone(machine) && run !== undefined)
    return `${status === 'down' ? 'Died' : 'Silent'} at word ${run.written}. ${whenOver(status, view)}`;
  if (status === 'down') return 'Gone.';
  const served = readers.filter((reader) => reader.servedBy() === name).map((reader) => reader.name.toLowerCase());
  const parts = [
    ...(run === undefined ? [] : [`writes word ${run.written}`]),
    ...(served.length === 0 ? [] : [`serves ${served.join(' and ')}`]),
  ];
  const text = parts.join(', ') || 'idle';
  return `${text[0]?.toUpperCase()}${text.slice(1)}.`;
};

const whenOver = (status: MachineStatus, { leaseMs, deathMs }: ClusterView): string =>
  status === 'down' && deathMs < leaseMs
    ? 'Its lock on the file died with it: another machine ends its answer within a second.'
    : `No other machine ends its answer before its lease of ${leaseMs / 1_000} s has run out.`;
