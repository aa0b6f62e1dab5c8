import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from 'react';

/** Of a column, the cell with the longest text and the one with the longest word: what it is as wide as. */
interface Widest {
  readonly text: HTMLTableCellElement;
  readonly textLength: number;
  readonly word: HTMLTableCellElement;
  readonly wordLength: number;
}

interface FixedColumns {
  readonly table: RefObject<HTMLTableElement | null>;
  readonly widths: readonly number[];
}

/**
 * The widths of a long table's columns, for `table-layout: fixed`: otherwise a browser measures every cell again at each
 * row that is added. They are those that it would find itself, from the cells of each column that have the most letters.
 */
export const useFixedColumns = (isLong: boolean): FixedColumns => {
  const table = useRef<HTMLTableElement>(null);
  const known = useRef(new WeakMap<Element, readonly Widest[]>()).current;
  const [widths, setWidths] = useState<readonly number[]>([]);

  /** What was measured last. */
  const measured = useRef('');

  const measure = useCallback(
    (width: number) => {
      const whole = table.current;
      const box = whole?.parentElement;
      if (!whole || !box || width === 0) return;
      const parts = [...whole.tBodies];
      const columns = parts
        .map((part, index) => {
          const found = known.get(part) ?? widestOf(part);
          // The last part may grow.
          if (index < parts.length - 1) known.set(part, found);
          return found;
        })
        .reduce(widerOf, []);
      const key = `${width} ${columns.map(({ text, word }) => `${text.innerHTML} ${word.innerHTML}`).join(' ')}`;
      if (key === measured.current) return;
      measured.current = key;
      const copy = whole.cloneNode() as HTMLTableElement;
      copy.removeAttribute('data-fixed');
      copy.style.cssText = `position: absolute; visibility: hidden; width: ${width}px`;
      if (whole.tHead !== null) copy.append(whole.tHead.cloneNode(true));
      const body = copy.createTBody();
      for (const kind of ['text', 'word'] as const)
        body.insertRow().append(...columns.map((column) => column[kind].cloneNode(true)));
      // The caret stands in the last row.
      body.insertRow();
      box.append(copy);
      const next = [...(body.rows[0]?.cells ?? [])].map((cell) => cell.getBoundingClientRect().width);
      copy.remove();
      setWidths((before) => (String(before) === String(next) ? before : next));
    },
    [known],
  );

  /** Known by an observer: to ask for it has the browser lay out the page. */
  const width = useRef<number>(undefined);
  useLayoutEffect(() => {
    const box = table.current?.parentElement;
    if (!isLong || !box) return;
    width.current ??= box.clientWidth;
    measure(width.current);
  });
  useLayoutEffect(() => {
    const box = table.current?.parentElement;
    if (!isLong || !box) return;
    const observer = new ResizeObserver(() => {
      width.current = box.clientWidth;
      measure(width.current);
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, [isLong, measure]);
  return { table, widths };
};

const widestOf = (part: HTMLTableSectionElement): readonly Widest[] =>
  [...part.rows].map((row) => [...row.cells].map(widthOf)).reduce(widerOf, []);

const widthOf = (cell: HTMLTableCellElement): Widest => {
  const text = cell.textContent;
  const longest = text.split(/\s+/).reduce((most, word) => Math.max(most, word.length), 0);
  // Letters of code are wider than others.
  return {
    text: cell,
    textLength: text.length,
    word: cell,
    wordLength: cell.querySelector('code') === null ? longest : longest * 1.3,
  };
};

const widerOf = (some: readonly Widest[], others: readonly Widest[]): readonly Widest[] =>
  others.map((other, index) => {
    const one = some[index];
    if (one === undefined) return other;
    return {
      ...(other.textLength > one.textLength ? other : one),
      ...(other.wordLength > one.wordLength
        ? { word: other.word, wordLength: other.wordLength }
        : { word: one.word, wordLength: one.wordLength }),
    };
  });
