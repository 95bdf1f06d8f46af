import type { Signal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { NodeRow } from '../../fleet/node-rows.js';
import { scrollToRow } from '../../lists/visible-rows.js';
import type { useScrolledRows } from '../base/use-scrolled-rows.js';
import { movedIndex } from './moved-index.js';

/** A list of which one row can have the focus. */
export interface RovingList {
  readonly scroller: RefObject<HTMLElement | null>;
  readonly screen: ReturnType<typeof useScrolledRows>;
  readonly rows: readonly NodeRow[];
  /** The row that Tab comes to. */
  readonly focusable: string | null;
  readonly focused: Signal<string | null>;
  /** Rows that are seen at a time. */
  readonly page: number;
  readonly open: (node: string | null) => void;
}

/** What is done when a key is pressed in the list: arrows move the focus, also to rows that are not drawn yet; Enter opens a row. */
export function useRovingRow(list: RovingList): (event: KeyboardEvent) => void {
  const wantsFocus = useRef(false);
  const { scroller, screen, rows, focusable, focused, page, open } = list;
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    scroller.current?.querySelector<HTMLElement>('[role=row][tabindex="0"]')?.focus({ preventScroll: true });
  });
  return (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      open(focusable);
      return;
    }
    const at = rows.findIndex(({ node }) => node === focusable);
    const to = movedIndex(event.key, { at, count: rows.length, page });
    const row = to === null ? undefined : rows[to];
    if (to === null || row === undefined) return;
    event.preventDefault();
    wantsFocus.current = true;
    if (scroller.current !== null) scroller.current.scrollTop = scrollToRow(to, { count: rows.length, ...screen });
    screen.rescroll();
    focused.value = row.node;
  };
}
