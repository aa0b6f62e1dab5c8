/** The numbers that an operator is given, as sliders and lists. */

import type { Knob, Lesson, Line, Settings } from './scene.ts';

export interface Turns {
  turn(name: string, value: number): void;
  fail(line: number, fails: boolean): void;
}

/** The fields of a lesson, with the values that they have now. */
export function knobsOf(lesson: Lesson, settings: Settings, lines: readonly Line[], turns: Turns): HTMLElement[] {
  const fields = Object.entries(lesson.knobs).map(([name, knob]) =>
    field(knob, settings[name] ?? knob.value, (value) => turns.turn(name, value)),
  );
  const fails = lines.map((line, index) => {
    const box = make('input', { type: 'checkbox' });
    box.checked = line.fails;
    box.addEventListener('change', () => turns.fail(index, box.checked));
    const label = make('label', { className: 'check' });
    label.append(box, ` line ${index === 0 ? 'a' : 'b'} fails at its end`);
    return label;
  });
  return [...fields, ...fails];
}

function field(
  { label: text, min, max, step, options }: Knob,
  value: number,
  turn: (value: number) => void,
): HTMLElement {
  const label = make('label', { className: 'knob' });
  const name = make('span', { textContent: text });
  if (options) {
    const list = make('select', {});
    list.append(...options.map((option, index) => new Option(option, String(index))));
    list.value = String(value);
    list.addEventListener('change', () => turn(Number(list.value)));
    label.append(name, list);
    return label;
  }
  const shown = make('output', { value: String(value) });
  const range = make('input', { type: 'range', min: String(min), max: String(max), step: String(step) });
  range.value = String(value);
  range.addEventListener('input', () => {
    shown.value = range.value;
    turn(range.valueAsNumber);
  });
  label.append(name, range, shown);
  return label;
}

function make<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
): HTMLElementTagNameMap[K] {
  return Object.assign(document.createElement(name), properties);
}
