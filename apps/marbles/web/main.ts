/**
 * The page. Its own plumbing is made of the operators that it shows: scenes are pushed, the latest is played, and
 * drawn.
 */

import { forEach, latest, pipe, pushable } from '@chatkit/stream';
import { InputLine } from './input-line.ts';
import { knobsOf } from './knobs.ts';
import { lessons } from './lessons/index.ts';
import { inWords, OutputLine } from './output-line.ts';
import { type Outcome, play } from './play.ts';
import {
  codeOf,
  type Lesson,
  moveEnd,
  moveMarble,
  removeMarble,
  type Scene,
  sceneOf,
  setFails,
  turnKnob,
} from './scene.ts';

const find = <T extends Element>(selector: string): T => document.querySelector(selector) as T;
const stage = find<HTMLElement>('#lines');
const result = find<HTMLElement>('#result');
const words = find<HTMLOutputElement>('#words');
const output = new OutputLine();
const scenes = pushable<Scene>({ capacity: 1, overflow: 'drop-oldest' });

let scene: Scene = sceneOf(lessonAtAddress());
let inputs: InputLine[] = [];
let outcome: Outcome = { marbles: [] };

function lessonAtAddress(): Lesson {
  const name = location.hash.slice(2);
  return lessons.find((lesson) => lesson.name === name) ?? (lessons.find(({ name }) => name === 'merge') as Lesson);
}

function change(next: Scene): void {
  scene = next;
  drawInputs();
  scenes.push(next);
}

function drawInputs(): void {
  const width = stage.clientWidth;
  for (const [index, line] of scene.lines.entries()) inputs[index]?.draw(line, width);
  find('#code').textContent = codeOf(scene);
}

function drawOutcome(): void {
  output.draw(outcome, stage.clientWidth);
  words.value = inWords(outcome);
}

/** Sets the page up for a lesson, from its beginning. */
function open(lesson: Lesson): void {
  scene = sceneOf(lesson);
  find('#name').textContent = lesson.name;
  find('#says').textContent = lesson.says;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.textContent === lesson.name) {
      link.setAttribute('aria-current', 'page');
      link.scrollIntoView({ block: 'nearest', inline: 'center' });
    } else link.removeAttribute('aria-current');
  }
  inputs = scene.lines.map(
    (_, line) =>
      new InputLine(line === 0 ? 'a' : 'b', {
        move: (index, at) =>
          change(index === undefined ? moveEnd(scene, line, at) : moveMarble(scene, line, index, at)),
        remove: (index) => change(removeMarble(scene, line, index)),
      }),
  );
  stage.replaceChildren(...inputs.map((input) => input.element));
  find('#knobs').replaceChildren(
    ...knobsOf(lesson, scene.settings, scene.lines, {
      turn: (name, value) => change(turnKnob(scene, name, value)),
      fail: (line, fails) => change(setFails(scene, line, fails)),
    }),
  );
  change(scene);
}

function menu(): void {
  for (const family of new Set(lessons.map((lesson) => lesson.family))) {
    const group = document.createElement('p');
    const title = Object.assign(document.createElement('span'), { textContent: family });
    const links = lessons
      .filter((lesson) => lesson.family === family)
      .map(({ name }) => Object.assign(document.createElement('a'), { href: `#/${name}`, textContent: name }));
    group.append(title, ...links);
    find('nav').append(group);
  }
}

menu();
result.append(output.element);
addEventListener('hashchange', () => open(lessonAtAddress()));
find('#reset').addEventListener('click', () => open(scene.lesson));
new ResizeObserver(() => {
  drawInputs();
  drawOutcome();
}).observe(stage);
open(scene.lesson);

void pipe(
  scenes,
  latest(async (next: Scene) => [await play(next)]),
  forEach((played) => {
    outcome = played;
    drawOutcome();
  }),
);
