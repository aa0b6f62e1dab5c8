/** Formats a report as text for a terminal: what happened when, a graph of the flow, and what to do. */
import type { Report } from './examine.ts';
import type { Read } from './recording.ts';
import type { Stall } from './stall-watch.ts';
import { adviceOf } from './verdict.ts';

/**
 * Formats a report as text, without colours. Lines are not wrapped.
 *
 * @example
 * console.log(formatReport(await examine({ url })));
 */
export const formatReport = (report: Report): string =>
  [
    `${report.url}`,
    ...head(report),
    ...flow(report),
    ...report.stalls.flatMap(stallLines),
    ...report.findings.flatMap(({ level, text }) => ['', `${level === 'fault' ? '✗' : '·'} ${text}`]),
    '',
    report.isHealthy ? '✓ Nothing to fix.' : '✗ Something needs fixing.',
    '',
  ]
    .map(plain)
    .join('\n');

/** A line without what a server could move the cursor with, or begin a line of its own. */
const plain = (line: string): string => line.replace(/\p{Cc}/gu, '�');

const head = ({ status, runId, headMs, endMs, ending, outcome, measures }: Report): string[] => {
  if (headMs === undefined) return [`no answer within ${ms(endMs)}`];
  const ended = outcome ?? ending.replaceAll('_', ' ');
  const times: [string, number | undefined][] = [
    ['head', headMs],
    ['first byte', measures.firstByteMs],
    ['first event', measures.firstEventMs],
    ['first text', measures.firstTextMs],
    [`end (${ended})`, endMs],
  ];
  return [
    `status ${status}, ${runId ?? 'no run id'}`,
    times.flatMap(([name, at]) => (at === undefined ? [] : [`${name} ${ms(at)}`])).join(' · '),
  ];
};

const flow = ({ measures: { bytes, reads, events, letters, gaps }, reads: all, endMs }: Report): string[] => {
  if (reads === 0) return [];
  const rhythm =
    gaps && ` · between reads with text: median ${ms(gaps.medianMs)}, p95 ${ms(gaps.p95Ms)}, longest ${ms(gaps.maxMs)}`;
  return [
    `${count(events, 'event')} in ${count(reads, 'read')}, ${bytes.toLocaleString('en')} bytes · ${count(letters, 'letter')} of text${rhythm ?? ''}`,
    '',
    `text  ${picture(all, endMs)}  ${ms(endMs)}`,
  ];
};

const stallLines = ({ atMs, lastedMs, behind, verdict, evidence }: Stall): string[] => [
  '',
  `stalled at ${ms(atMs)} for ${ms(lastedMs)}, behind ${count(behind, 'event')}: ${verdict.replaceAll('_', ' ')}`,
  `  ${adviceOf[verdict]}`,
  `  seen: ${count(evidence.heartbeats, 'heartbeat')} · a bare request: ${evidence.bare} · one to the store: ${evidence.reply} · one to the lease: ${evidence.lookup} · one that writes: ${evidence.write} · a second stream: ${evidence.witness}${
    evidence.witnessStatus === undefined || evidence.witnessStatus === 200 ? '' : ` (${evidence.witnessStatus})`
  }`,
];

const COLUMNS = 60;
const BARS = '▁▂▃▄▅▆▇█';

/** A bar graph: how much text came in each sixtieth of the time; a blank means none. */
const picture = (reads: readonly Read[], endMs: number): string => {
  const sums = new Array<number>(COLUMNS).fill(0);
  for (const { atMs, letters } of reads) {
    const column = Math.min(COLUMNS - 1, Math.floor((atMs / endMs) * COLUMNS));
    sums[column] = (sums[column] ?? 0) + letters;
  }
  const most = Math.max(1, ...sums);
  return sums.map((sum) => (sum === 0 ? ' ' : BARS[Math.ceil((sum / most) * BARS.length) - 1])).join('');
};

const ms = (value: number): string => `${Math.round(value).toLocaleString('en')} ms`;

const count = (value: number, noun: string): string => `${value.toLocaleString('en')} ${noun}${value === 1 ? '' : 's'}`;
