import { useEffect } from 'react';
import { createRoot, type Root } from 'react-dom/client';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { useStickToBottom } from '../web/hooks/use-stick-to-bottom.ts';

const Page = ({ hasEnd = true }: { hasEnd?: boolean }) => {
  const { scroller, content, atBottom, jump } = useStickToBottom(hasEnd);
  useEffect(jump, [jump]);
  return (
    <div ref={scroller} data-at-bottom={atBottom} style={{ height: 200, overflowY: 'auto', overflowAnchor: 'none' }}>
      <div ref={content} style={{ height: 1000 }} />
    </div>
  );
};

const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
/**
 * Enough for the scroll event of a change, and for the observer of what that changes. Ends between two frames, as input
 * comes.
 */
const settled = async () => {
  for (let n = 0; n < 4; n += 1) await frame();
  await new Promise((resolve) => requestIdleCallback(resolve));
};

let root: Root;
let box: HTMLElement;
let content: HTMLElement;
const fromEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight;
const grow = (to: number) => {
  content.style.height = `${to}px`;
};

beforeEach(async () => {
  const host = document.body.appendChild(document.createElement('div'));
  root = createRoot(host);
  root.render(<Page />);
  await expect.poll(() => host.firstElementChild).not.toBeNull();
  box = host.firstElementChild as HTMLElement;
  content = box.firstElementChild as HTMLElement;
  await settled();
});
afterEach(() => {
  root.unmount();
  document.body.replaceChildren();
});

test('follows what grows', async () => {
  grow(1500);
  await settled();
  expect(fromEnd()).toBe(0);
});

test('goes on following when the content shrinks, is looked at, and grows before the browser has told of it', async () => {
  grow(600);
  // Whoever asks for the layout here has the browser move the box up, as a reader would.
  expect(box.scrollTop).toBe(400);
  grow(900);
  await settled();
  expect(fromEnd()).toBe(0);
  grow(1400);
  await settled();
  expect(fromEnd()).toBe(0);
});

test('leaves a reader alone who turns the wheel while the content grows', async () => {
  box.dispatchEvent(new WheelEvent('wheel', { deltaY: -150 }));
  box.scrollTop -= 150;
  grow(1050);
  await settled();
  expect(box.scrollTop).toBe(650);
  grow(1500);
  await settled();
  expect(box.scrollTop).toBe(650);
  expect(box.dataset['atBottom']).toBe('false');
});

test('lets go of a reader who turns the wheel a little, and follows again at the end', async () => {
  box.scrollTop -= 6;
  await settled();
  grow(1020);
  await settled();
  expect(box.scrollTop).toBe(794);
  box.scrollTop += 6;
  await settled();
  grow(1500);
  await settled();
  expect(fromEnd()).toBe(0);
});

test('lets go of a reader who turns the wheel a little in the frame in which the content has grown', async () => {
  // Is told after the hook's own observer, and before the browser tells of what that has scrolled.
  const observer = new ResizeObserver(() => {
    if (box.scrollHeight !== 1030) return;
    box.dispatchEvent(new WheelEvent('wheel', { deltaY: -6 }));
    box.scrollTop -= 6;
  });
  observer.observe(content);
  grow(1030);
  await settled();
  observer.disconnect();
  expect(box.scrollTop).toBe(824);
  grow(1500);
  await settled();
  expect(box.scrollTop).toBe(824);
});

test('leaves a reader alone whom the browser has taken somewhere, as a search in the page does', async () => {
  box.scrollTop = 300;
  await settled();
  grow(1500);
  await settled();
  expect(box.scrollTop).toBe(300);
  box.scrollTop = box.scrollHeight;
  await settled();
  grow(1800);
  await settled();
  expect(fromEnd()).toBe(0);
});

test('a page that is read from its beginning is shown from there, and its end is followed once it has one', async () => {
  root.render(<Page hasEnd={false} key="read" />);
  await settled();
  box = document.querySelector('[data-at-bottom]') as HTMLElement;
  content = box.firstElementChild as HTMLElement;
  grow(1200);
  await settled();
  expect(box.scrollTop).toBe(0);
  root.render(<Page key="read" />);
  await settled();
  grow(1500);
  await settled();
  expect(fromEnd()).toBeLessThan(1);
});
