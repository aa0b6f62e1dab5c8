import { type RefObject, useLayoutEffect, useRef, useState } from 'react';

/**
 * The widths of a long table's columns, as its first rows alone have them, for `table-layout: fixed`: otherwise a browser
 * measures every cell again at each row that is added. The price: a later word that is too long for its column breaks.
 */
export const useFixedColumns = (
  isLong: boolean,
): { readonly table: RefObject<HTMLTableElement | null>; readonly widths: readonly number[] } => {
  const table = useRef<HTMLTableElement>(null);
  const [widths, setWidths] = useState<readonly number[]>([]);
  useLayoutEffect(() => {
    const box = table.current?.parentElement;
    if (!isLong || table.current === null || !box) return;
    let width = 0;
    const measure = (whole: HTMLTableElement) => {
      if (box.clientWidth === width) return;
      width = box.clientWidth;
      // A copy, so that nothing moves meanwhile.
      const first = whole.cloneNode() as HTMLTableElement;
      for (const part of [whole.tHead, whole.tBodies[0]]) if (part) first.append(part.cloneNode(true));
      first.removeAttribute('data-fixed');
      first.style.cssText = `position: absolute; visibility: hidden; width: ${width}px`;
      box.append(first);
      const row = [...first.rows].find(({ offsetHeight }) => offsetHeight > 0);
      setWidths([...(row?.cells ?? [])].map((cell) => cell.getBoundingClientRect().width));
      first.remove();
    };
    const observer = new ResizeObserver(() => table.current !== null && measure(table.current));
    measure(table.current);
    observer.observe(box);
    return () => observer.disconnect();
  }, [isLong]);
  return { table, widths };
};
