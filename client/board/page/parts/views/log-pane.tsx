import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useSignal, type Signal } from '@preact/signals';
import { countText } from '#common/count-text.js';
import { visibleRows } from '../../lists/visible-rows.js';
import { shownText } from '../../text/shown-text.js';
import type { LogScreen } from '../../views/log-screen.js';
import { useScrolledRows } from '../base/use-scrolled-rows.js';
import { SearchBar } from './search-bar.js';
import { useLogSearch } from './use-log-search.js';

const longestShown = 2_000;

interface LogPaneProps {
  readonly screen: LogScreen;
  /** True once it is to be read. */
  readonly takesFocus: boolean;
}

/** A log as lines. It follows its end until somebody scrolls up. */
export function LogPane({ screen, takesFocus }: LogPaneProps): VNode {
  const scroller = useRef<HTMLDivElement>(null);
  const isFollowing = useSignal(true);
  const lies = useScrolledRows(scroller);
  const search = useLogSearch(screen, scroller, lies, () => (isFollowing.value = false));
  const version = screen.version.value;
  const { lines } = screen;
  const drawn = visibleRows({ count: lines.count, ...lies });
  useLayoutEffect(() => {
    if (!isFollowing.value || scroller.current === null) return;
    scroller.current.scrollTop = scroller.current.scrollHeight;
    lies.rescroll();
  }, [version, isFollowing.value, lies.heightPx]);
  useLayoutEffect(() => {
    if (takesFocus) scroller.current?.focus();
  }, [takesFocus]);
  const scrolled = (event: Event): void => {
    const { scrollTop, scrollHeight, clientHeight } = event.currentTarget as HTMLElement;
    if (scrollTop + clientHeight >= scrollHeight - 4) isFollowing.value = true;
    else if (scrollTop < lies.scrollPx) isFollowing.value = false;
  };
  const press = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== 'f') return;
    event.preventDefault();
    screen.isSearching.value = true;
  };
  return (
    <div class="log-pane" onKeyDown={press}>
      {screen.isSearching.value && <SearchBar find={search.find} result={search.result.value} close={search.close} />}
      <div class="log" ref={scroller} tabIndex={0} role="region" aria-label="Log" onScroll={scrolled}>
        <div style={{ paddingTop: `${drawn.beforePx}px`, paddingBottom: `${drawn.afterPx}px` }}>
          {Array.from({ length: drawn.count }, (_, index) => drawn.first + index).map((index) => (
            <div key={index} class={`row ${index === search.marked.value ? 'marked' : ''}`}>
              {shownText(lines.line(index), longestShown) || ' '}
            </div>
          ))}
        </div>
      </div>
      <Foot screen={screen} isFollowing={isFollowing} />
    </div>
  );
}

function Foot({ screen, isFollowing }: { readonly screen: LogScreen; readonly isFollowing: Signal<boolean> }): VNode {
  // The lines are no signal; this one says when there are others.
  // eslint-disable-next-line @typescript-eslint/no-meaningless-void-operator -- Reading it is what subscribes.
  void screen.version.value;
  const { lines } = screen;
  return (
    <p class="terminal-foot quiet">
      {countText(lines.count, 'line')}
      {lines.dropped > 0 && `, ${lines.dropped} older ones let go`}.{' '}
      {isFollowing.value ? (
        'Follows the end.'
      ) : (
        <button type="button" onClick={() => (isFollowing.value = true)}>
          Follow the end
        </button>
      )}
    </p>
  );
}
