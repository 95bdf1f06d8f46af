import { render } from 'preact';
import type { Random } from '#common/random.js';
import { Board } from './app/board.js';
import { tradeToken } from './link/board-requests.js';
import { forgetKey, keyOfPage } from './link/key.js';
import { NoKey } from './parts/base/no-key.js';
import { Page } from './parts/page.js';
import { xtermLooks } from './parts/views/xterm-looks.js';
import { LogScreen } from './views/log-screen.js';
import { OpenViews } from './views/open-views.js';
import { TabView, type ViewTarget } from './views/tab-view.js';
import type { ScreenEvents, ViewScreen } from './views/view-screen.js';
import { XtermScreen } from './views/xterm-screen.js';
import { createBrowserClock } from './world/browser-clock.js';
import { createTabStorage } from './world/stored.js';
import './style/board.css';

const clock = createBrowserClock();
const random: Pick<Random, 'number'> = { number: () => Math.random() };
const stored = createTabStorage();
const usualSize = { columns: 80, rows: 24 };

async function main(place: HTMLElement): Promise<void> {
  const address = {
    hash: location.hash,
    forgetHash: () => history.replaceState(null, '', location.pathname + location.search),
  };
  try {
    const key = await keyOfPage({ address, stored, trade: tradeToken });
    if (key === null) render(<NoKey why="This page needs a key." />, place);
    else showBoard(key, place);
  } catch (error) {
    render(<NoKey why={error instanceof Error ? error.message : String(error)} />, place);
  }
}

function showBoard(key: string, place: HTMLElement): void {
  const keyRefused = (): void => {
    forgetKey(stored);
    render(<NoKey why="The board's server does not know the key of this page: it has been started anew." />, place);
  };
  const board = new Board({ clock, random, key, keyRefused });
  const createScreen = (target: ViewTarget, events: ScreenEvents): ViewScreen =>
    target.panel === 'logs'
      ? new LogScreen(clock)
      : new XtermScreen(events, usualSize, xtermLooks(board.isReadOut.value));
  const views = new OpenViews(
    stored,
    (id, target) =>
      new TabView(id, target, {
        clock,
        random,
        key,
        createScreen: (events) => createScreen(target, events),
        gapped: (gap) => board.addGap(gap),
        followed: (link) => void followLink(board, link),
        changed: (view) => {
          views.keep();
          board.announcer.tell(`${target.panel} on ${target.node}: ${view.state.value.phase}`);
        },
        keyRefused,
      }),
  );
  render(<Page board={board} views={views} />, place);
  board.start();
  views.restore();
}

async function followLink(board: Board, link: string): Promise<void> {
  const isSure = await board.questions.ask({
    title: 'Open this address?',
    text: `A session shows a link to\n${link}`,
    yes: 'Open in a new tab',
    no: 'Stay here',
  });
  if (isSure) window.open(link, '_blank', 'noopener,noreferrer');
}

const place = document.getElementById('board');
if (place !== null) {
  place.replaceChildren();
  void main(place);
}
