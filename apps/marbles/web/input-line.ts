/**
 * A source on the page. Its marbles and its end are sliders: they can be dragged, and moved with the arrow keys.
 */

import { endX, layout, msOf, ROW, rowsOf, xOf } from './layout.ts';
import { HORIZON_MS, type Line } from './scene.ts';
import { ending, marble, putEnding, putMarble, set, svg, track } from './svg.ts';

/** What a reader of the page does with a line. The end has no index. */
export interface Moves {
  move(index: number | undefined, at: number): void;
  remove(index: number): void;
}

export class InputLine {
  readonly element = svg('svg', { class: 'line', role: 'group' });
  private readonly name: string;
  private readonly moves: Moves;
  private readonly tracks = svg('g');
  private readonly marbles: SVGGElement[] = [];
  private readonly end: SVGGElement;
  private line: Line = { marbles: [], endsAt: 0, fails: false };

  constructor(name: string, moves: Moves) {
    this.name = name;
    this.moves = moves;
    this.end = this.slider(ending(), undefined);
    set(this.element, { 'aria-label': `Line ${name}` });
    this.element.append(this.tracks, this.end);
  }

  draw(line: Line, width: number): void {
    this.line = line;
    const labels = line.marbles.map(({ at, value }) => ({ at, label: String(value) }));
    const places = layout(labels, width);
    set(this.element, { width, height: rowsOf(places) * ROW });
    this.tracks.replaceChildren(...track(this.name, width));
    while (this.marbles.length > labels.length) this.marbles.pop()?.remove();
    for (const [index, place] of places.entries()) {
      const group = this.marbles[index] ?? this.add(index);
      putMarble(group, place, labels[index]?.label ?? '');
      this.tell(group, `Item ${labels[index]?.label} of line ${this.name}`, labels[index]?.at ?? 0);
    }
    putEnding(this.end, endX(line.endsAt, places, width), line.fails);
    this.tell(this.end, `${line.fails ? 'Error' : 'End'} of line ${this.name}`, line.endsAt);
  }

  private add(index: number): SVGGElement {
    const group = this.slider(marble(), index);
    this.marbles.push(group);
    this.element.append(group);
    return group;
  }

  private tell(group: SVGGElement, label: string, at: number): void {
    set(group, { 'aria-label': label, 'aria-valuenow': at, 'aria-valuetext': `${at} ms` });
  }

  private slider(group: SVGGElement, index: number | undefined): SVGGElement {
    set(group, { role: 'slider', tabindex: 0, 'aria-valuemin': 0, 'aria-valuemax': HORIZON_MS });
    const at = () => (index === undefined ? this.line.endsAt : (this.line.marbles[index]?.at ?? 0));
    let grip = 0; // how far from its place it has been taken
    group.addEventListener('pointerdown', (event) => {
      const { left, width } = this.element.getBoundingClientRect();
      grip = event.clientX - left - xOf(at(), width);
      group.setPointerCapture(event.pointerId);
      group.focus();
      event.preventDefault(); // no selection of text
    });
    // `touch-action` is for boxes; without this the page would take the finger for itself and scroll.
    group.addEventListener('touchstart', (event) => event.preventDefault(), { passive: false });
    group.addEventListener('pointermove', ({ clientX, pointerId }) => {
      if (!group.hasPointerCapture(pointerId)) return;
      const { left, width } = this.element.getBoundingClientRect();
      this.moves.move(index, msOf(clientX - left - grip, width));
    });
    group.addEventListener('keydown', (event) => {
      const step = event.shiftKey ? 100 : 10;
      const to = { ArrowLeft: at() - step, ArrowDown: at() - step, ArrowRight: at() + step, ArrowUp: at() + step }[
        event.key
      ];
      const edge = { Home: 0, End: HORIZON_MS }[event.key];
      if (to !== undefined) this.moves.move(index, to);
      else if (edge !== undefined) this.moves.move(index, edge);
      else if (event.key === 'Delete' && index !== undefined) this.moves.remove(index);
      else return;
      event.preventDefault();
    });
    return group;
  }
}
