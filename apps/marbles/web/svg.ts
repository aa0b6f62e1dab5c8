/** SVG elements, and the shape that all marbles have. */

import { hueOf, type Place, ROW, SIZE } from './layout.ts';

const NAMESPACE = 'http://www.w3.org/2000/svg';

export function svg<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: SVGElement[]
): SVGElementTagNameMap[K] {
  const element = document.createElementNS(NAMESPACE, name);
  set(element, attributes);
  element.append(...children);
  return element;
}

export function set(element: Element, attributes: Readonly<Record<string, string | number>>): void {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
}

/** The line that time goes along, at the height of the first row. */
export const track = (name: string, width: number): SVGElement[] => [
  named(name),
  svg('line', { class: 'track', x1: 24, x2: width - 10, y1: ROW / 2, y2: ROW / 2 }),
  svg('path', { class: 'arrow', d: `M${width - 10} ${ROW / 2 - 4}l8 4l-8 4z` }),
];

function named(name: string): SVGElement {
  const text = svg('text', { class: 'name', x: 4, y: ROW / 2 });
  text.textContent = name;
  return text;
}

export const marble = (): SVGGElement =>
  svg('g', {}, svg('rect', { y: -SIZE / 2, height: SIZE, rx: SIZE / 2 }), svg('text'));

/** Puts a marble in its place. */
export function putMarble(group: SVGGElement, { x, row, width }: Place, label: string): void {
  set(group, { class: `marble hue${hueOf(label)}`, transform: `translate(${x} ${row * ROW + ROW / 2})` });
  set(group.children[0] as Element, { x: -width / 2, width });
  (group.children[1] as Element).textContent = label.replace(/^ | $/g, '␣');
}

/** The end of a stream: a bar, or a cross if it failed. */
export const ending = (): SVGGElement =>
  svg('g', {}, svg('rect', { class: 'grip', x: -12, y: 0, width: 24, height: ROW, rx: 6 }), svg('path'));

export function putEnding(group: SVGGElement, x: number, hasFailed: boolean): void {
  set(group, { class: hasFailed ? 'ending failed' : 'ending', transform: `translate(${x} 0)` });
  const middle = ROW / 2;
  const bar = `M0 ${middle - 13}v26`;
  set(group.children[1] as Element, {
    d: hasFailed ? `M-8 ${middle - 8}l16 16m0 -16l-16 16` : bar,
  });
}
