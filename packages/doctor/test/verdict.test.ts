import { describe, expect, test } from 'vitest';
import { adviceOf, type Evidence, isFault, type Verdict, verdictOf } from '../src/verdict.ts';

const replies = ['answered', 'silent', 'unreachable'] as const;
const witnesses = ['ahead', 'level', 'silent', 'unknown', 'impossible', 'refused'] as const;

const every = (part: Partial<Evidence>): Evidence[] =>
  [true, false].flatMap((isOpen) =>
    [0, 1, 7].flatMap((heartbeats) =>
      replies.flatMap((reply) =>
        witnesses.flatMap((witness) =>
          replies.flatMap((bare) =>
            ([...replies, 'impossible'] as const).flatMap((lookup) =>
              ([...replies, 'impossible'] as const).flatMap((write) =>
                [true, false].map((hasFlowed) => ({
                  isOpen,
                  hasFlowed,
                  heartbeats,
                  bare,
                  reply,
                  lookup,
                  write,
                  witness,
                  ...part,
                })),
              ),
            ),
          ),
        ),
      ),
    ),
  );

const answers = { bare: 'answered', reply: 'answered', lookup: 'answered', write: 'answered' } as const;
const verdicts = (evidence: readonly Evidence[]): Verdict[] => [...new Set(evidence.map(verdictOf))];

describe('verdictOf', () => {
  test('a second stream that is ahead decides, whatever else was seen', () => {
    expect(verdicts(every({ witness: 'ahead' }))).toEqual(['held']);
  });

  test('else it is the storage, if the server answers nobody who needs the store', () => {
    for (const silent of [{ reply: 'silent' }, { write: 'silent' }] as const) {
      const evidence = every({ bare: 'answered', ...silent }).filter(({ witness }) => witness !== 'ahead');
      expect(verdicts(evidence)).toEqual(['storage']);
    }
  });

  test('else a heartbeat decides', () => {
    const beating = every({ heartbeats: 1, reply: 'answered', write: 'answered' }).filter(
      ({ witness }) => witness !== 'ahead',
    );
    expect(verdicts(beating)).toEqual(['model']);
  });

  test('else it is about the server, if that does not answer', () => {
    const still = every({ heartbeats: 0, bare: 'silent' }).filter(({ witness }) => witness !== 'ahead');
    expect(verdicts(still.filter(({ reply }) => reply === 'silent'))).toEqual(['server']);
    expect(verdicts(still.filter(({ reply }) => reply === 'unreachable'))).toEqual(['network']);
  });

  test.each([
    ['level', 'model', 'model'],
    ['silent', 'buffered', 'buffered'],
    ['unknown', 'forgotten', 'not_begun'],
    ['refused', 'attach_refused', 'attach_refused'],
    ['impossible', 'unknown', 'unknown'],
  ] as const)('else the second stream: %s', (witness, whenOpen, before) => {
    const seen = { heartbeats: 0, hasFlowed: false, ...answers, witness } as const;
    expect(verdictOf({ ...seen, isOpen: true })).toBe(whenOpen);
    expect(verdictOf({ ...seen, isOpen: false })).toBe(before);
  });

  test('a second stream that is held back says nothing of a first one that has flowed', () => {
    const seen = { isOpen: true, heartbeats: 0, ...answers, witness: 'silent' } as const;
    expect(verdictOf({ ...seen, hasFlowed: true })).toBe('model');
    expect(verdictOf({ ...seen, hasFlowed: false })).toBe('buffered');
  });

  test('nor does it, where a run that never was is not denied either: it is the storage', () => {
    expect(verdicts(every({ heartbeats: 0, ...answers, lookup: 'silent', witness: 'silent' }))).toEqual(['storage']);
  });

  test('every verdict has its advice; a slow model is no fault', () => {
    const all = verdicts(every({}));
    expect(all.toSorted()).toEqual(Object.keys(adviceOf).toSorted());
    expect(all.filter((verdict) => !isFault(verdict)).toSorted()).toEqual(['model', 'unknown']);
  });
});
