/**
 * Findings: what is wrong with a stream, or could be better, apart from its stalls. Derived from the response's headers
 * and from the times at which data arrived.
 */
import { LUMP_TEXTS, type Measures } from './measure.ts';
import type { Read, Recording } from './recording.ts';
import type { Stall } from './stall-watch.ts';

/** Something to fix (`fault`) or to consider (`hint`). */
export interface Finding {
  readonly code:
    | 'status'
    | 'content_type'
    | 'compressed'
    | 'transformable'
    | 'plain'
    | 'cut'
    | 'unfinished'
    | 'unreachable'
    | 'burst'
    | 'lumps'
    | 'late_resume'
    | 'no_progress'
    | 'error_event';
  readonly level: 'fault' | 'hint';
  readonly text: string;
}

/** How the first connection ended. */
export type Ending =
  /** The server said how the run ended. */
  | 'end'
  /** The body ended; a server without the extensions says no more. */
  | 'body_end'
  /** The server asked the client to reconnect, because this connection had become too old. */
  | 'handed_over'
  /** The body ended or broke without a terminal frame. */
  | 'cut'
  /** The examination reached its time limit or was aborted. */
  | 'unfinished'
  /** The response was not an event stream. */
  | 'no_stream'
  /** There was no response. */
  | 'unreachable';

/** Everything that is known at the end of an examination. */
export interface Course {
  readonly ending: Ending;
  readonly status: number | undefined;
  readonly headers: Headers;
  /** What broke the connection, or the error that the server sent instead of a stream. */
  readonly reason: string | undefined;
  readonly measures: Measures;
  readonly recording: Recording;
  readonly headMs: number | undefined;
  readonly endMs: number;
  readonly stalls: readonly Stall[];
}

/** The findings, faults first. */
export const findingsOf = (course: Course): Finding[] => {
  const findings = [...ofEnding(course), ...(isStream(course) ? [...ofHead(course), ...ofTimes(course)] : [])];
  return findings.toSorted((one, other) => Number(one.level === 'hint') - Number(other.level === 'hint'));
};

const fault = (code: Finding['code'], text: string): Finding => ({ code, level: 'fault', text });
const hint = (code: Finding['code'], text: string): Finding => ({ code, level: 'hint', text });

const isStream = ({ ending, status }: Course): boolean => ending !== 'no_stream' && status !== undefined;

/** For errors whose details the server withholds. */
const lookInLog = 'The server’s own log says why (onError).';

function* ofEnding({ ending, status, headers, reason, endMs, recording }: Course): Iterable<Finding> {
  const because = reason === undefined ? '' : `: ${reason.replace(/\.$/, '')}`;
  const at = `after ${seconds(endMs)}`;
  if (ending === 'unreachable') yield fault('unreachable', `There was no answer${because}.`);
  else if (ending === 'no_stream' && status !== 200)
    yield fault('status', `The server answered ${status}${because}.${(status ?? 0) < 500 ? '' : ` ${lookInLog}`}`);
  else if (ending === 'no_stream') {
    yield fault('content_type', `The answer is ${headers.get('content-type') ?? 'of no type'}, not text/event-stream.`);
  } else if (ending === 'cut') {
    yield fault(
      'cut',
      `The connection was closed ${at} before the server had ended the stream${because}. A proxy that ends idle or long responses does that; so does a server that dies.`,
    );
  } else if (ending === 'unfinished') {
    const what = status === undefined ? 'There was no answer' : 'The answer was not over';
    yield fault('unfinished', `${what} ${at}; the run has been stopped.`);
  }
  for (const { code, message } of recording.errors) {
    yield fault(
      'error_event',
      `The run reported an error: ${message === undefined ? `${code}. ${lookInLog}` : `${code}, “${message}”`}`,
    );
  }
}

function* ofHead({ headers }: Course): Iterable<Finding> {
  const encoding = headers.get('content-encoding');
  if (encoding !== null && encoding !== 'identity') {
    yield hint('compressed', `The stream is compressed (${encoding}); that delays it unless each event is flushed.`);
  }
  if (!headers.get('cache-control')?.includes('no-transform')) {
    yield hint(
      'transformable',
      'The answer has no cache-control: no-transform, so proxies may compress and buffer it.',
    );
  }
  if (headers.get('chatkit-run-id') === null) {
    yield hint('plain', 'The server does not offer the extensions: when a connection is lost, so is the answer.');
  }
}

function* ofTimes({ headers, headMs, measures, recording, stalls }: Course): Iterable<Finding> {
  const silences = stalls.filter(({ verdict }) => verdict === 'model');
  const { firstTextMs, largest, letters, lumps } = measures;
  const isAtOnce = largest && largest.letters >= letters * 0.9 && largest.atMs >= 500;
  // A server with run ids gives the head before the model has said anything.
  const hasHead = headers.has('chatkit-run-id') && headMs !== undefined;
  const burst = isAtOnce && burstOf(largest, letters);
  if (burst && largest.texts >= LUMP_TEXTS && hasHead && largest.atMs - headMs <= SAME_MOMENT_MS) {
    yield fault(
      'burst',
      `${burst}, and the head of the answer with it, which is sent before: something on the way collects both.`,
    );
  } else if (burst && letters >= 200) {
    // If the silence before the burst was the model's, no proxy has buffered it.
    const isOfModel = silences.some(({ atMs, lastedMs }) => Math.abs(atMs + lastedMs - largest.atMs) <= SAME_MOMENT_MS);
    yield isOfModel
      ? hint('burst', `${burst}: respond() does not stream its text.`)
      : fault('burst', `${burst}: either respond() does not stream its text, or a proxy or middleware buffers it.`);
  }
  if (lumps && lumps.count > 1 && lumps.letters >= letters / 2) {
    const came = `Text came in lumps, ${Math.round(lumps.gapMs)} ms apart`;
    yield headers.has('chatkit-run-id')
      ? fault(
          'lumps',
          `${came}: its pieces were sent one by one, so a proxy or middleware buffers them. Turn response buffering and compression off there.`,
        )
      : hint('lumps', `${came}: either the model’s provider sends it like that, or a proxy or middleware buffers it.`);
  }
  if (stalls.some(isLateOnSecond)) {
    yield hint(
      'late_resume',
      'A second stream, by GET, brought nothing while this one worked: a proxy holds back responses to GET, so a lost connection resumes late.',
    );
  }
  const silentMs = Math.max(
    0,
    ...silences.filter(({ atMs }) => atMs < (firstTextMs ?? 0)).map(({ lastedMs }) => lastedMs),
  );
  if (silentMs > 0 && !recording.hasEarlyProgress) {
    yield hint(
      'no_progress',
      `Nothing was shown for ${seconds(silentMs)} before the first text. A progress_update tells the user that something is going on (withProgress of @chatkit/agents/text).`,
    );
  }
}

const burstOf = (largest: Read, letters: number): string =>
  `${Math.round((largest.letters / letters) * 100)} % of the text came at once, after ${seconds(largest.atMs)}`;

/** Whether a second stream brought nothing although the first one had flowed. */
const isLateOnSecond = ({ evidence: { witness, hasFlowed, reply } }: Stall): boolean =>
  witness === 'silent' && hasFlowed && reply === 'answered';

/** How far apart the recorded times of a stall's end and of the read that ended it may be. */
const SAME_MOMENT_MS = 250;

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
