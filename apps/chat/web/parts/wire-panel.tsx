import { memo, useEffect, useSyncExternalStore } from 'react';
import { type Row, rowsOf } from '../wire/say.ts';
import type { WireTally } from '../wire/tally.ts';
import type { Wire } from '../wire/wire.ts';
import { CloseIcon, PlugIcon, ScissorsIcon } from './icons.tsx';

interface WirePanelProps {
  wire: Wire;
  /** Whether the drawer of a phone lies over it. */
  inert: boolean;
  onClose: () => void;
}

/** What the page and the server say to each other, and two ways to break it while they do. */
export const WirePanel = ({ wire, inert, onClose }: WirePanelProps) => {
  const { entries, tally, isStreaming, isPlugged } = useSyncExternalStore(wire.subscribe, wire.getSnapshot);
  // Once it is hidden nobody would know why nothing works.
  useEffect(() => () => plugIn(wire), [wire]);
  return (
    <aside className="wire" id="wire" aria-label="The wire" inert={inert}>
      <header>
        <h2>The wire</h2>
        <button type="button" className="quiet" onClick={onClose} aria-label="Close the wire">
          <CloseIcon />
        </button>
      </header>
      <div className="breakers">
        <button type="button" onClick={wire.drop} disabled={!isStreaming}>
          <ScissorsIcon />
          Drop the connection
        </button>
        <button
          type="button"
          onClick={() => (isPlugged ? wire.plug(false) : plugIn(wire))}
          data-out={!isPlugged || undefined}
        >
          <PlugIcon />
          {isPlugged ? 'Pull the plug' : 'Plug it in'}
        </button>
      </div>
      <p className="tally" data-testid="tally">
        {isPlugged ? sum(tally) : 'No network: nothing gets out of this page. The server writes on.'}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard */}
      <ol tabIndex={0} aria-label="What went over the wire, the newest first">
        {rowsOf(entries).map(({ key, ...row }) => (
          <Line key={key} {...row} />
        ))}
      </ol>
      <footer>
        Kill the server, too: Ctrl+C in its terminal, then start it again. Three servers to kill from a page:{' '}
        <code>npm run cluster</code>.
      </footer>
    </aside>
  );
};

const plugIn = (wire: Wire): void => {
  if (wire.getSnapshot().isPlugged) return;
  wire.plug(true);
  // A browser tells the page, too, and whoever waits for it need not wait any longer.
  dispatchEvent(new Event('online'));
};

const sum = ({ events, connections, twice, text }: WireTally): string => {
  if (events === 0) return 'Ask something, and break it while it is answered.';
  const counted = `${count(events, 'event')} over ${count(connections, 'connection')}, ${twice || 'none'} twice.`;
  if (text === undefined) return counted;
  return `${counted} ${text.isWhole ? `All ${count(text.length, 'character')} arrived.` : 'The text is not whole.'}`;
};

const count = (amount: number, what: string): string =>
  `${amount.toLocaleString('en')} ${what}${amount === 1 ? '' : 's'}`;

const Line = memo(({ kind, offset, what, text, count }: Omit<Row, 'key'>) => (
  <li data-kind={kind}>
    {kind === 'frame' && <b>{offset}</b>}
    <span>{count === 1 ? what : `${what} ×${count}`}</span>
    {text !== undefined && <q>{text}</q>}
  </li>
));
