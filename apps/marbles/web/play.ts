/**
 * Plays a scene: the real operator, read by a real `for await`, on a clock that takes no time.
 */

import type { Clock, Source } from '@chatkit/stream';
import { createVirtualClock, type VirtualClock } from '@chatkit/testing';
import { HORIZON_MS, type Line, READER, type Scene, type Settings, type Value } from './scene.ts';

/** What came out, and when. */
export interface Outcome {
  readonly marbles: readonly { readonly at: number; readonly label: string }[];
  /** Missing if the stream is not over at the horizon. */
  readonly ending?: { readonly at: number; readonly error?: string };
}

/** Makes the stream of a scene. Replaced by tests that run the code which the page shows. */
export type Make = (
  sources: [Source<Value>, Source<Value>],
  settings: Settings,
  clock: Clock,
) => AsyncIterable<unknown>;

export async function play(scene: Scene, make: Make = (...given) => scene.lesson.run(...given)): Promise<Outcome> {
  const clock = createVirtualClock();
  const [a = SILENCE, b = SILENCE] = scene.lines;
  const marbles: { at: number; label: string }[] = [];
  let ending: Outcome['ending'];

  const iterator = make([sourceOf(a, clock), sourceOf(b, clock)], scene.settings, clock)[Symbol.asyncIterator]();
  const read = async (): Promise<void> => {
    const busyMs = scene.settings[READER];
    for (let result = await iterator.next(); !result.done; result = await iterator.next()) {
      marbles.push({ at: Math.round(clock.now()), label: labelOf(result.value) });
      if (busyMs) await clock.sleep(busyMs);
    }
  };
  read().then(
    () => {
      ending ??= { at: clock.now() };
    },
    (error) => {
      ending ??= { at: clock.now(), error: error instanceof Error ? error.name : String(error) };
    },
  );
  await clock.advance(HORIZON_MS);
  const outcome = { marbles: [...marbles], ...(ending && { ending }) };
  ending ??= { at: HORIZON_MS };
  await iterator.return?.();
  return outcome;
}

const SILENCE: Line = { marbles: [], endsAt: 0, fails: false };

async function* sourceOf(line: Line, clock: VirtualClock): AsyncGenerator<Value> {
  const until = (at: number) => clock.sleep(Math.max(0, at - clock.now()));
  for (const { at, value } of line.marbles.toSorted((left, right) => left.at - right.at)) {
    await until(at);
    yield value;
  }
  await until(line.endsAt);
  if (line.fails) throw new Error('the source failed');
}

const labelOf = (item: unknown): string => (Array.isArray(item) ? item.join(' ') : String(item));
