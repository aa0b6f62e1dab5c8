/**
 * What came out, as a picture and in words.
 */

import { endX, layout, ROW, rowsOf, xOf } from './layout.ts';
import type { Outcome } from './play.ts';
import { HORIZON_MS } from './scene.ts';
import { ending, marble, putEnding, putMarble, set, svg, track } from './svg.ts';

export class OutputLine {
  readonly element = svg('svg', { class: 'line', 'aria-hidden': 'true' });

  draw(outcome: Outcome, width: number): void {
    const places = layout(outcome.marbles, width);
    const height = rowsOf(places) * ROW;
    set(this.element, { width, height: height + 18 });
    this.element.replaceChildren(...track('', width), ...scale(width, height));
    for (const [index, place] of places.entries()) {
      const group = marble();
      putMarble(group, place, outcome.marbles[index]?.label ?? '');
      this.element.append(group);
    }
    if (!outcome.ending) return;
    const group = ending();
    putEnding(group, endX(outcome.ending.at, places, width), outcome.ending.error !== undefined);
    this.element.append(group);
  }
}

function scale(width: number, y: number): SVGElement[] {
  const step = width < 500 ? 500 : 250;
  return Array.from({ length: HORIZON_MS / step + 1 }, (_, index) => {
    const text = svg('text', { class: 'tick', x: xOf(index * step, width), y: y + 13 });
    text.textContent = index === 0 ? '0 ms' : String(index * step);
    return text;
  });
}

export function inWords({ marbles, ending }: Outcome): string {
  const items = marbles.map(({ at, label }) => `${label} at ${at}`);
  const last = ending?.error === undefined ? `end at ${ending?.at}` : `${ending.error} at ${ending.at}`;
  return [...items, ending ? last : `and on after ${HORIZON_MS}`].join(', ');
}
