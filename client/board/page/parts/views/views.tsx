import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Board } from '../../app/board.js';
import type { OpenViews } from '../../views/open-views.js';
import type { TabView } from '../../views/tab-view.js';
import { shownText } from '../../text/shown-text.js';
import { Sign } from '../base/sign.js';
import { phaseSigns } from './phase-signs.js';
import { ViewPane } from './view-pane.js';

/** The sessions of this page, a tab each. */
export function Views({ board, views }: { readonly board: Board; readonly views: OpenViews }): VNode {
  const all = views.all.value;
  const active = all.find(({ id }) => id === views.active.value);
  return (
    <section class="card views" aria-labelledby="views">
      <div class="heading">
        <h2 id="views">Sessions</h2>
        {all.length > 0 && <Tabs views={views} />}
      </div>
      {active === undefined ? (
        <p class="quiet empty">
          None is open here. Choose a node and open one of its panels: what you type in a terminal stays through every
          restart that you see on this page.
        </p>
      ) : (
        <ViewPane key={active.id} view={active} board={board} views={views} />
      )}
    </section>
  );
}

function Tabs({ views }: { readonly views: OpenViews }): VNode {
  const list = useRef<HTMLDivElement>(null);
  const wantsFocus = useRef(false);
  const all = views.all.value;
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    wantsFocus.current = false;
    list.current?.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
  });
  const move = (event: KeyboardEvent): void => {
    const at = all.findIndex(({ id }) => id === views.active.value);
    const view = all[at];
    if (event.key === 'Delete' && view !== undefined) {
      event.preventDefault();
      wantsFocus.current = true;
      views.close(view);
      return;
    }
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    wantsFocus.current = true;
    views.active.value = all[(to + all.length) % all.length]?.id ?? null;
  };
  return (
    <div class="tabs" role="tablist" aria-label="Open sessions" ref={list} onKeyDown={move}>
      {all.map((view) => (
        <Tab key={view.id} view={view} views={views} />
      ))}
    </div>
  );
}

function Tab({ view, views }: { readonly view: TabView; readonly views: OpenViews }): VNode {
  const isActive = views.active.value === view.id;
  const { phase } = view.state.value;
  const title = shownText(view.title.value, 30);
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${view.id}`}
      aria-selected={isActive}
      aria-controls={isActive ? `pane-${view.id}` : undefined}
      tabIndex={isActive ? 0 : -1}
      onClick={() => views.choose(view)}
    >
      <Sign is={phaseSigns[phase]}>
        <span class="tab-name">
          <b>{shownText(view.target.panel, 30)}</b> {shownText(view.target.node, 40)}
          {title !== '' && <bdi class="quiet"> {title}</bdi>}
        </span>
      </Sign>
      {phase !== 'live' && <span class="unseen">, {phase}</span>}
    </button>
  );
}
