import type { RefObject } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import type { RowsOnScreen } from '../../lists/visible-rows.js';

const guessedRowPx = 40;

/** How a scrolled list with rows of one height lies now; draws again when it is scrolled or has another size. */
export function useScrolledRows(
  scroller: RefObject<HTMLElement | null>,
): Omit<RowsOnScreen, 'count'> & { rescroll(): void } {
  const [lies, setLies] = useState({ rowPx: guessedRowPx, heightPx: 400, scrollPx: 0 });
  const look = (): void => {
    const element = scroller.current;
    if (element === null) return;
    const rowPx = element.querySelector('.row')?.getBoundingClientRect().height ?? 0;
    const next = {
      rowPx: rowPx > 0 ? rowPx : guessedRowPx,
      heightPx: element.clientHeight,
      scrollPx: element.scrollTop,
    };
    setLies((now) =>
      now.rowPx === next.rowPx && now.heightPx === next.heightPx && now.scrollPx === next.scrollPx ? now : next,
    );
  };
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener('scroll', look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', look);
    };
  }, []);
  useLayoutEffect(look);
  return { ...lies, rescroll: look };
}
