/** A title that has too little room loses its end, in whichever direction it is read. */

import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { expect, test } from 'vitest';
import '../web/styles/index.css';

test.each([
  ['left to right', 'What happens when a client disconnects in the middle of it?'],
  ['right to left', 'ماذا يحدث عندما ينقطع الاتصال في منتصف الإجابة الطويلة؟'],
])('%s', (_, title) => {
  const box = document.body.appendChild(document.createElement('div'));
  box.style.width = '200px';
  const root = createRoot(box);
  flushSync(() =>
    root.render(
      <>
        <nav className="threads">
          <ul>
            <li>
              <a href="/t/1">
                <bdi>{title}</bdi>
              </a>
            </li>
          </ul>
        </nav>
        <header className="bar">
          <h1>
            <bdi>{title}</bdi>
          </h1>
        </header>
      </>,
    ),
  );
  for (const line of box.querySelectorAll('a, h1')) {
    const text = document.createRange();
    text.setStart(line.querySelector('bdi')?.firstChild as Text, 0);
    text.setEnd(line.querySelector('bdi')?.firstChild as Text, 1);
    const first = text.getBoundingClientRect();
    const room = line.getBoundingClientRect();
    expect(first.width).toBeGreaterThan(0);
    expect(first.left).toBeGreaterThanOrEqual(room.left);
    expect(first.right).toBeLessThanOrEqual(room.right);
  }
  root.unmount();
  box.remove();
});
