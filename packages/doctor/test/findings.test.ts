import { describe, expect, test } from 'vitest';
import { type Course, findingsOf } from '../src/findings.ts';
import { measure } from '../src/measure.ts';
import type { Read } from '../src/recording.ts';
import type { Stall } from '../src/stall-watch.ts';

const read = (atMs: number, texts: number): Read => ({ atMs, bytes: 100, events: texts, texts, letters: texts * 10 });
const flowing = Array.from({ length: 50 }, (_, index) => read(index * 40, 1));

const course = (part: Partial<Course> & { reads?: Read[] } = {}): Course => ({
  ending: 'end',
  status: 200,
  headers: new Headers({ 'cache-control': 'no-cache, no-transform', 'chatkit-run-id': 'run_1' }),
  reason: undefined,
  measures: measure(part.reads ?? flowing),
  recording: {
    reads: part.reads ?? flowing,
    heartbeats: 0,
    offset: '1',
    threadId: 'thr_1',
    outcome: 'completed',
    isHandedOver: false,
    hasEarlyProgress: false,
    errors: [],
  },
  headMs: 5,
  endMs: 3_000,
  stalls: [],
  ...part,
});
/** The model was silent for a while. */
const stall = ({ atMs = 0, lastedMs = 0, witness = 'level' as Stall['evidence']['witness'] }): Stall => ({
  atMs,
  lastedMs,
  behind: 1,
  verdict: 'model',
  evidence: {
    ...{ isOpen: true, hasFlowed: true, heartbeats: 0 },
    ...{ bare: 'answered', reply: 'answered', lookup: 'answered', write: 'answered', witness, witnessStatus: 200 },
  },
});
const codes = (of: Course): string[] => findingsOf(of).map(({ code, level }) => `${level} ${code}`);

describe('findingsOf', () => {
  test('a stream that flows has none, handed over or not', () => {
    expect(codes(course())).toEqual([]);
    expect(codes(course({ ending: 'handed_over' }))).toEqual([]);
  });

  test.each([
    [{ ending: 'unreachable' }, ['fault unreachable']],
    [{ ending: 'no_stream', status: 500 }, ['fault status']],
    [{ ending: 'no_stream' }, ['fault content_type']],
    // What a stream should have is not asked of what is none.
    [{ ending: 'no_stream', status: 404, headers: new Headers() }, ['fault status']],
    [{ ending: 'cut' }, ['fault cut']],
    [{ ending: 'unfinished' }, ['fault unfinished']],
    [{ ending: 'unfinished', status: undefined, headers: new Headers() }, ['fault unfinished']],
    [{ ending: 'body_end', headers: new Headers() }, ['hint transformable', 'hint plain']],
  ] satisfies [Partial<Course>, string[]][])('%j', (part, expected) => {
    expect(codes(course(part))).toEqual(expected);
  });

  test('where only the server knows more, it is said to', () => {
    const texts = (of: Course): string[] => findingsOf(of).map(({ text }) => text);
    expect(texts(course({ ending: 'no_stream', status: 500, reason: 'internal, It went wrong.' }))).toEqual([
      'The server answered 500: internal, It went wrong. The server’s own log says why (onError).',
    ]);
    expect(texts(course({ ending: 'no_stream', status: 404 }))).toEqual(['The server answered 404.']);
    const { recording } = course();
    expect(
      texts(course({ recording: { ...recording, errors: [{ code: 'stream.error', message: undefined }] } })),
    ).toEqual(['The run reported an error: stream.error. The server’s own log says why (onError).']);
  });

  test('what came instead of the stream is named', () => {
    const [page] = findingsOf(course({ ending: 'no_stream', headers: new Headers({ 'content-type': 'text/html' }) }));
    expect(page?.text).toBe('The answer is text/html, not text/event-stream.');
    const [nothing] = findingsOf(course({ ending: 'unfinished', status: undefined, endMs: 60_000 }));
    expect(nothing?.text).toBe('There was no answer after 60.0 s; the run has been stopped.');
    const [part] = findingsOf(course({ ending: 'unfinished', endMs: 60_000 }));
    expect(part?.text).toBe('The answer was not over after 60.0 s; the run has been stopped.');
  });

  test('compression is a hint, and none is none', () => {
    const headers = (encoding: string) =>
      new Headers({ 'cache-control': 'no-transform', 'chatkit-run-id': 'run_1', 'content-encoding': encoding });
    expect(codes(course({ headers: headers('gzip') }))).toEqual(['hint compressed']);
    expect(codes(course({ headers: headers('identity') }))).toEqual([]);
  });

  test('a burst is a fault, unless the silence before it was the model’s', () => {
    const reads = [read(10, 1), read(2_000, 40)];
    expect(codes(course({ reads }))).toEqual(['fault burst']);
    expect(codes(course({ reads, stalls: [stall({ atMs: 10, lastedMs: 1_985 })] }))).toEqual(['hint burst']);
    // A silence that ended long before says nothing of it.
    expect(codes(course({ reads, stalls: [stall({ atMs: 10, lastedMs: 500 })] }))).toEqual(['fault burst']);
    // Little text, or text that is there at once, is no burst.
    expect(codes(course({ reads: [read(2_000, 19)] }))).toEqual([]);
    expect(codes(course({ reads: [read(400, 90)] }))).toEqual([]);
  });

  test('a short answer whose head came with its text was collected', () => {
    const reads = [read(1_200, 9)];
    expect(codes(course({ reads, headMs: 1_195 }))).toEqual(['fault burst']);
    // A server that was asked directly gives the head at once, and its provider one packet.
    expect(codes(course({ reads, headMs: 20 }))).toEqual([]);
    // Few pieces may have been ready together, and all at once is no time to collect in.
    expect(codes(course({ reads: [read(1_200, 3)], headMs: 1_195 }))).toEqual([]);
    expect(codes(course({ reads: [read(400, 9)], headMs: 395 }))).toEqual([]);
    // Without run ids the head may come with the first event.
    const headers = new Headers({ 'cache-control': 'no-transform' });
    expect(codes(course({ reads, headMs: 1_195, headers }))).toEqual(['hint plain']);
  });

  test('lumps are a fault where the server joins what is ready together, else a hint', () => {
    const reads = [read(100, 10), read(1_000, 20), read(1_900, 20), read(2_800, 20)];
    expect(codes(course({ reads }))).toEqual(['fault lumps']);
    expect(codes(course({ reads, headers: new Headers({ 'cache-control': 'no-transform' }) }))).toEqual([
      'hint plain',
      'hint lumps',
    ]);
    // One lump in a stream that flows is a pause, and so are a few.
    expect(codes(course({ reads: [...flowing, read(3_000, 20)] }))).toEqual([]);
    expect(codes(course({ reads: [...flowing, ...[3_000, 4_000, 5_000].map((atMs) => read(atMs, 10))] }))).toEqual([]);
  });

  test('silence before the first text is a hint, if no progress was shown', () => {
    const reads = flowing.map((each) => ({ ...each, atMs: each.atMs + 2_500 }));
    const stalls = [stall({ atMs: 5, lastedMs: 2_495 })];
    expect(codes(course({ reads, stalls }))).toEqual(['hint no_progress']);
    const recording = { ...course().recording, hasEarlyProgress: true };
    expect(codes(course({ reads, stalls, recording }))).toEqual([]);
  });

  test('a second stream that is held back makes for late resuming', () => {
    const late = stall({ atMs: 100, witness: 'silent' });
    expect(codes(course({ stalls: [late] }))).toEqual(['hint late_resume']);
    // Where nothing has come by the first stream either, or nothing comes at all, it is not the second that is late.
    for (const other of [{ hasFlowed: false }, { reply: 'silent' }] as const)
      expect(codes(course({ stalls: [{ ...late, evidence: { ...late.evidence, ...other } }] }))).toEqual([]);
  });

  test('faults come first; an error of the run is one', () => {
    const errors = [{ code: 'model.overloaded', message: 'Later.' }];
    const found = findingsOf(course({ headers: new Headers(), recording: { ...course().recording, errors } }));
    expect(found.map(({ level }) => level)).toEqual(['fault', 'hint', 'hint']);
    expect(found[0]?.text).toBe('The run reported an error: model.overloaded, “Later.”');
  });
});
