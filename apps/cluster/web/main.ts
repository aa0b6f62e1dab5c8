/** The page: three machines, two readers, and what happened. No framework; the readers are `@chatkit/client`. */
import type { ClusterView } from '../server/cluster-view.ts';
import { createMachineCards } from './machine-cards.ts';
import { part } from './part.ts';
import { createReader, type Reader } from './reader.ts';

const main = part(document, 'main');
const log = part(document, '.log ol');

let view: ClusterView | undefined;
const cards = createMachineCards(part(document, '.machines'));
const readers: Reader[] = ['Reader 1', 'Reader 2'].map((name) => createReader(name, () => changed()));
main.append(...readers.map(({ element }) => element));

/** Who asks leads; the other one goes to the thread and follows. */
const follow = (): void => {
  const [one, two] = readers as [Reader, Reader];
  for (const [leader, other] of [
    [one, two],
    [two, one],
  ] as const) {
    const { threadId, asked } = leader;
    if (leader.isAnswered() && threadId() !== undefined && asked() > other.asked())
      other.followTo(threadId() as string, asked());
  }
};

const changed = (): void => {
  follow();
  if (view !== undefined) cards.show(view, readers);
};

const showLog = ({ happenings }: ClusterView): void => {
  const newest = [...happenings].reverse();
  log.replaceChildren(
    ...newest.map(({ machine, text }) => {
      const line = document.createElement('li');
      const name = document.createElement('b');
      name.className = `on-${machine}`;
      name.textContent = machine.toUpperCase();
      line.append(name, ` ${text}`);
      return line;
    }),
  );
};

new EventSource('/cluster').addEventListener('message', (event: MessageEvent<string>) => {
  view = JSON.parse(event.data) as ClusterView;
  showLog(view);
  changed();
});
