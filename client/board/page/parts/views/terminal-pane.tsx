import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { Board } from '../../app/board.js';
import type { XtermScreen } from '../../views/xterm-screen.js';
import { SearchBar } from './search-bar.js';
import { xtermLooks } from './xterm-looks.js';

interface TerminalPaneProps {
  readonly screen: XtermScreen;
  readonly board: Board;
  /** True once it is to be typed in. */
  readonly takesFocus: boolean;
}

/** A terminal, as large as there is room. */
export function TerminalPane({ screen, board, takesFocus }: TerminalPaneProps): VNode {
  const place = useRef<HTMLDivElement>(null);
  const found = useSignal('');
  const isReadOut = board.isReadOut.value;
  useLayoutEffect(() => {
    const element = place.current;
    if (element === null) return;
    screen.openIn(element);
  }, [screen]);
  useLayoutEffect(() => {
    if (takesFocus) screen.focus();
  }, [screen, takesFocus]);
  useLayoutEffect(() => {
    // Letters grow with the window.
    const look = (): void => {
      screen.look(xtermLooks(isReadOut));
      screen.fit();
    };
    look();
    const observer = new ResizeObserver(look);
    if (place.current !== null) observer.observe(place.current);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', look);
    return () => {
      observer.disconnect();
      scheme.removeEventListener('change', look);
    };
  }, [screen, isReadOut]);
  const find = (text: string, direction: 'next' | 'previous'): void => {
    found.value = text === '' || screen.find(text, direction) ? '' : 'Not found';
  };
  return (
    <>
      {screen.isSearching.value && <SearchBar find={find} result={found.value} close={() => screen.stopSearching()} />}
      <div class="terminal-place" ref={place} />
      <p class="terminal-foot quiet">
        {screen.tabLeaves.value ? 'Tab leaves the terminal.' : 'Tab is typed into the terminal.'} <kbd>Ctrl+M</kbd>{' '}
        changes that. <kbd>Ctrl+F</kbd> searches.
        <span class="unseen" role="status">
          {screen.tabLeaves.value ? 'Tab leaves the terminal' : ''}
        </span>
      </p>
    </>
  );
}
