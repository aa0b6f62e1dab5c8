import { describe, expect, test } from 'vitest';
import type { Report } from '../src/examine.ts';
import { formatReport } from '../src/format-report.ts';
import { measure } from '../src/measure.ts';
import type { Read } from '../src/recording.ts';

const reads: Read[] = Array.from({ length: 60 }, (_, index) => ({
  atMs: index * 100,
  bytes: 200,
  events: 1,
  texts: index < 30 || index >= 50 ? 1 : 0,
  letters: index < 30 ? 8 : index < 50 ? 0 : 4,
}));

const report: Report = {
  url: 'https://app.example/chatkit',
  isHealthy: false,
  runId: 'run_1',
  status: 200,
  ending: 'end',
  outcome: 'completed',
  headMs: 12.4,
  endMs: 6_000,
  measures: measure(reads),
  reads,
  stalls: [
    {
      atMs: 2_900,
      lastedMs: 2_100,
      behind: 30,
      verdict: 'attach_refused',
      evidence: {
        isOpen: true,
        hasFlowed: true,
        heartbeats: 0,
        bare: 'answered',
        reply: 'answered',
        lookup: 'silent',
        write: 'answered',
        witness: 'refused',
        witnessStatus: 500,
      },
    },
  ],
  findings: [
    { code: 'error_event', level: 'fault', text: 'The run reported an error: model.overloaded.' },
    { code: 'compressed', level: 'hint', text: 'The stream is compressed (gzip).' },
  ],
};

describe('formatReport', () => {
  test('tells the times, draws the flow, says what to do', () => {
    expect(formatReport(report)).toMatchInlineSnapshot(`
      "https://app.example/chatkit
      status 200, run_1
      head 12 ms · first byte 0 ms · first event 0 ms · first text 0 ms · end (completed) 6,000 ms
      60 events in 60 reads, 12,000 bytes · 280 letters of text · between reads with text: median 100 ms, p95 100 ms, longest 2,100 ms

      text  ██████████████████████████████                    ▄▄▄▄▄▄▄▄▄▄  6,000 ms

      stalled at 2,900 ms for 2,100 ms, behind 30 events: attach refused
        The server answers, but refuses a second reader of the run. See the status below.
        seen: 0 heartbeats · a bare request: answered · one to the store: answered · one to the lease: silent · one that writes: answered · a second stream: refused (500)

      ✗ The run reported an error: model.overloaded.

      · The stream is compressed (gzip).

      ✗ Something needs fixing.
      "
    `);
  });

  test('leaves out what there is not, and says of what is healthy that it is', () => {
    const [stall] = report.stalls as [Report['stalls'][number]];
    const one: Read[] = [{ atMs: 100, bytes: 50, events: 1, texts: 0, letters: 0 }];
    const stalls = [undefined, 200].map((witnessStatus) => ({
      ...stall,
      behind: 1,
      evidence: { ...stall.evidence, witness: 'level' as const, witnessStatus },
    }));
    const text = formatReport({ ...report, isHealthy: true, reads: one, measures: measure(one), stalls, findings: [] });
    expect(text).toContain('head 12 ms · first byte 100 ms · first event 100 ms · end (completed) 6,000 ms\n');
    expect(text).toContain('1 event in 1 read, 50 bytes · 0 letters of text\n');
    expect(text.match(/behind 1 event:/g)).toHaveLength(2);
    expect(text.match(/a second stream: level$/gm)).toHaveLength(2);
    expect(text.endsWith('✓ Nothing to fix.\n')).toBe(true);
  });

  test('of a server that does not answer there is little to tell', () => {
    const none = {
      ...report,
      headMs: undefined,
      runId: undefined,
      status: undefined,
      reads: [],
      measures: measure([]),
      stalls: [],
    };
    expect(formatReport({ ...none, ending: 'unreachable', findings: [], endMs: 3.2 })).toMatchInlineSnapshot(`
      "https://app.example/chatkit
      no answer within 3 ms

      ✗ Something needs fixing.
      "
    `);
  });

  test('a server cannot move the cursor of whoever reads it, or add a line', () => {
    const forged = 'x\u001b[2J\r\n✓ Nothing to fix.\u009b1A';
    const findings = [{ code: 'error_event', level: 'fault', text: forged }] as const;
    const text = formatReport({ ...report, runId: forged, findings });
    expect(text.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    expect(text.split('\n')).not.toContain('✓ Nothing to fix.');
  });
});
