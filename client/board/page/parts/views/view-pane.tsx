import type { VNode } from 'preact';
import { useLayoutEffect } from 'preact/hooks';
import type { Board } from '../../app/board.js';
import { LogScreen } from '../../views/log-screen.js';
import type { OpenViews } from '../../views/open-views.js';
import type { TabView } from '../../views/tab-view.js';
import { isViewOver, viewLine } from '../../views/view-state.js';
import { XtermScreen } from '../../views/xterm-screen.js';
import { Sign } from '../base/sign.js';
import { Text } from '../base/text.js';
import { LogPane } from './log-pane.js';
import { phaseSigns } from './phase-signs.js';
import { TerminalPane } from './terminal-pane.js';

/** A session: how it is, what can be done with it, and its screen. */
export function ViewPane({
  view,
  board,
  views,
}: {
  readonly view: TabView;
  readonly board: Board;
  readonly views: OpenViews;
}): VNode {
  const state = view.state.value;
  const note = state.notes.at(-1);
  const takesFocus = views.focusWanted.value === view.id;
  useLayoutEffect(() => {
    if (takesFocus) views.focusWanted.value = null;
  }, [takesFocus]);
  return (
    <div class="pane" role="tabpanel" id={`pane-${view.id}`} aria-labelledby={`tab-${view.id}`}>
      <div class={`view-line ${state.phase}`}>
        <p>
          <Sign is={phaseSigns[state.phase]}>
            <Text of={viewLine(state)} most={400} />
          </Sign>
        </p>
        <ViewActions view={view} board={board} views={views} />
      </div>
      {note !== undefined && (
        <p class="note">
          <Sign is="warn">
            <Text of={note} most={400} />
          </Sign>
          {state.notes.length > 1 && <span class="quiet"> and {state.notes.length - 1} before it</span>}
        </p>
      )}
      {view.screen instanceof XtermScreen && (
        <TerminalPane screen={view.screen} board={board} takesFocus={takesFocus} />
      )}
      {view.screen instanceof LogScreen && <LogPane screen={view.screen} takesFocus={takesFocus} />}
    </div>
  );
}

function ViewActions({
  view,
  board,
  views,
}: {
  readonly view: TabView;
  readonly board: Board;
  readonly views: OpenViews;
}): VNode {
  const { session } = view.state.value;
  const isOver = isViewOver(view.state.value);
  const end = async (): Promise<void> => {
    const isSure = await board.questions.ask({
      title: 'End this session?',
      text: 'What runs in it ends for good. To leave it running, close the view instead.',
      yes: 'End the session',
      no: 'Keep it',
    });
    if (isSure) view.terminate();
  };
  const { screen } = view;
  const search = (): void => {
    if (screen instanceof XtermScreen || screen instanceof LogScreen) screen.isSearching.value = true;
  };
  return (
    <div class="buttons">
      <button type="button" onClick={search}>
        Search
      </button>
      {session !== null && !isOver && (
        <button type="button" onClick={() => views.open({ ...view.target, session })}>
          Another view
        </button>
      )}
      {isOver && (
        <button type="button" onClick={() => views.open({ ...view.target, session: null })}>
          Open again
        </button>
      )}
      <button type="button" onClick={() => views.close(view)}>
        Close
      </button>
      {session !== null && !isOver && (
        <button type="button" class="danger" onClick={() => void end()}>
          End
        </button>
      )}
    </div>
  );
}
