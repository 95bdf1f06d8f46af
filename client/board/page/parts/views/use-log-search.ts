import type { RefObject } from 'preact';
import { useSignal, type Signal } from '@preact/signals';
import type { RowsOnScreen } from '../../lists/visible-rows.js';
import { scrollToRow } from '../../lists/visible-rows.js';
import type { LogScreen } from '../../views/log-screen.js';

/** Searching in a log: the line that was found, and what is told of it. */
export interface LogSearch {
  readonly marked: Signal<number | null>;
  readonly result: Signal<string>;
  readonly find: (text: string, direction: 'next' | 'previous') => void;
  readonly close: () => void;
}

/** Searches a log that is shown in an element; what is found is scrolled to. */
export function useLogSearch(
  screen: LogScreen,
  scroller: RefObject<HTMLElement | null>,
  lies: Omit<RowsOnScreen, 'count'>,
  leaveEnd: () => void,
): LogSearch {
  const marked = useSignal<number | null>(null);
  const result = useSignal('');
  const find = (text: string, direction: 'next' | 'previous'): void => {
    const found = screen.lines.find(text);
    const at = nextOf(found, marked.value, direction);
    marked.value = at;
    result.value = text === '' ? '' : at === null ? 'Not found' : `${found.indexOf(at) + 1} of ${found.length}`;
    if (at === null || scroller.current === null) return;
    leaveEnd();
    scroller.current.scrollTop = scrollToRow(at, { count: screen.lines.count, ...lies });
  };
  const close = (): void => {
    screen.isSearching.value = false;
    marked.value = null;
    result.value = '';
    scroller.current?.focus();
  };
  return { marked, result, find, close };
}

/** The line after one, or before it, round and round; the last one at first. */
function nextOf(found: readonly number[], at: number | null, direction: 'next' | 'previous'): number | null {
  if (at === null) return found.at(-1) ?? null;
  return direction === 'next'
    ? (found.find((index) => index > at) ?? found[0] ?? null)
    : (found.findLast((index) => index < at) ?? found.at(-1) ?? null);
}
