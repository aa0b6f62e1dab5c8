import { describe, expect, it } from 'vitest';
import { canonicalText, canonicalTime } from './normalise.ts';
import { replay } from './replay.ts';
import { loadRecording, loadScenarios } from './scenario.ts';

describe('the comparison forgives the form of a timestamp and nothing else', () => {
  it.each([
    ['2026-01-01T12:00:00', '2026-01-01T12:00:00.000000Z'],
    ['2026-01-01T12:00:00.5', '2026-01-01T12:00:00.500000Z'],
    ['2026-01-01T12:00:00.123456', '2026-01-01T12:00:00.123456Z'],
    ['2026-01-01T12:00:00.000Z', '2026-01-01T12:00:00.000000Z'],
    ['2026-01-01T12:00:00+05:30', '2026-01-01T06:30:00.000000Z'],
    ['not a time', 'not a time'],
  ])('%s', (text, expected) => expect(canonicalTime(text)).toBe(expected));

  it('looks at created_at alone', () => {
    const other = '{"text":"2026-01-01T12:00:00","a":"\\"created_at\\":\\"2026-01-01T12:00:00\\""}';
    expect(canonicalText(other)).toBe(other);
  });

  it('our own timestamps are UTC with milliseconds and Z', async () => {
    const scenario = loadScenarios().find(({ name }) => name === 'create-thread');
    if (scenario === undefined) throw new Error('no such scenario');
    const { answers } = await replay(scenario, loadRecording(scenario.name));
    const times = [...(answers[0]?.sse ?? []).join('').matchAll(/"created_at":"([^"]+)"/g)].map(([, time]) => time);
    expect(times).toEqual(['2026-01-01T12:00:00.000Z', '2026-01-01T12:00:00.000Z']);
  });
});
