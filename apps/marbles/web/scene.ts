/**
 * What is on the page: an operator, the lines that it reads, and the numbers that it is given. Plain data; every change
 * makes a new scene.
 */

import type { Clock, Source, Stream } from '@chatkit/stream';
import * as operators from '@chatkit/stream';

/** How much time the lines show, in milliseconds. */
export const HORIZON_MS = 1500;

export type Value = string | number;

export interface Marble {
  readonly at: number;
  readonly value: Value;
}

/** What a source does: its items at their times, then its end or its error. */
export interface Line {
  readonly marbles: readonly Marble[];
  readonly endsAt: number;
  readonly fails: boolean;
}

/** A number that can be changed; one with `options` is an index into them. */
export interface Knob {
  readonly label: string;
  readonly value: number;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly options?: readonly string[];
}

/** How long the reader is busy with each item: a knob that is the reader's, not the operator's. */
export const READER = 'readerMs';

/** One operator to play with. `K` are the names of its knobs. */
export interface Lesson<K extends string = string> {
  readonly name: string;
  readonly family: string;
  readonly says: string;
  /** One for each source: `a`, then `b`. */
  readonly lines: readonly Line[];
  readonly knobs: Readonly<Record<K, Knob>>;
  /** The expression that makes the stream, as a user would write it. */
  code(settings: Settings<K>): string;
  /** Makes it. */
  run(sources: readonly [Source<Value>, Source<Value>], settings: Settings<K>, clock: Clock): Stream<unknown>;
}

export type Settings<K extends string = string> = Readonly<Record<K, number>>;

/** Gives the names of the knobs to `code` and `run`. */
export const lesson = <K extends string>(it: Lesson<K>): Lesson => it;

export interface Scene {
  readonly lesson: Lesson;
  readonly lines: readonly Line[];
  readonly settings: Settings;
}

export function sceneOf(lesson: Lesson): Scene {
  const settings = Object.fromEntries(Object.entries(lesson.knobs).map(([name, { value }]) => [name, value]));
  return { lesson, lines: lesson.lines, settings };
}

const clamp = (ms: number): number => Math.min(HORIZON_MS, Math.max(0, Math.round(ms / 10) * 10));

const withLine = (scene: Scene, index: number, change: (line: Line) => Line): Scene => ({
  ...scene,
  lines: scene.lines.map((line, place) => (place === index ? change(line) : line)),
});

/** Moves a marble; the end gives way when it is in front of it. */
export const moveMarble = (scene: Scene, line: number, index: number, at: number): Scene =>
  withLine(scene, line, ({ marbles, endsAt, fails }) => ({
    marbles: marbles.map((marble, place) => (place === index ? { ...marble, at: clamp(at) } : marble)),
    endsAt: Math.max(endsAt, clamp(at)),
    fails,
  }));

/** Moves the end, but not before the last marble. */
export const moveEnd = (scene: Scene, line: number, at: number): Scene =>
  withLine(scene, line, ({ marbles, fails }) => ({
    marbles,
    endsAt: Math.max(clamp(at), ...marbles.map((marble) => marble.at)),
    fails,
  }));

export const setFails = (scene: Scene, line: number, fails: boolean): Scene =>
  withLine(scene, line, (it) => ({ ...it, fails }));

export const removeMarble = (scene: Scene, line: number, index: number): Scene =>
  withLine(scene, line, (it) => ({ ...it, marbles: it.marbles.filter((_, place) => place !== index) }));

export const turnKnob = (scene: Scene, name: string, value: number): Scene => ({
  ...scene,
  settings: { ...scene.settings, [name]: value },
});

/** The three lines that make what is shown. */
export function codeOf({ lesson, settings }: Scene): string {
  const expression = lesson.code(settings);
  const names = [...new Set(expression.match(/\b[a-z]\w+(?=\()/gi))].filter((name) => name in operators).toSorted();
  const busyMs = settings[READER];
  const body = busyMs ? `{ show(item); await sleep(${busyMs}); }` : 'show(item);';
  return [
    `import { ${names.join(', ')} } from '@chatkit/stream';`,
    `const stream = ${expression};`,
    `for await (const item of stream) ${body}`,
  ].join('\n');
}
