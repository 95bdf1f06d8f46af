import type { VNode } from 'preact';
import type { Board } from '../app/board.js';
import type { OpenViews } from '../views/open-views.js';
import { Header } from './base/header.js';
import { LiveRegion } from './base/live-region.js';
import { QuestionDialog } from './base/question-dialog.js';
import { Troubles } from './base/troubles.js';
import { Events } from './events.js';
import { Gaps } from './gaps/gaps.js';
import { Nodes } from './nodes/nodes.js';
import { Restarts } from './restarts/restarts.js';
import { Views } from './views/views.js';

/** The whole board. */
export function Page({ board, views }: { readonly board: Board; readonly views: OpenViews }): VNode {
  return (
    <>
      <a class="skip" href="#main">
        To the restarts
      </a>
      <Header board={board} />
      <Troubles board={board} />
      <main id="main" tabIndex={-1}>
        <Restarts board={board} />
        <Views board={board} views={views} />
        <Nodes board={board} views={views} />
        <Gaps board={board} />
        <Events board={board} />
      </main>
      <QuestionDialog questions={board.questions} />
      <LiveRegion announcer={board.announcer} />
    </>
  );
}
