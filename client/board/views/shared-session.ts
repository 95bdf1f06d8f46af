import { createChanges } from '#common/changes.js';
import type { Clock, Timer } from '#common/time/clock.js';
import { readOutput, type SessionOutcome } from '../../cli/session/read-output.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { ViewNews } from '../wire/session.js';
import { OutputLog, windowBytes, type LogPlace } from './output-log.js';
import { endNews, liveState, tellConnection, type StateNews } from './session-news.js';

/** A view of a session, as far as sending to it goes. */
export interface ViewOutput {
  news(news: ViewNews): void;
  bytes(bytes: Uint8Array): void;
}

/** What a view does. */
export interface ViewHandle {
  /** So many bytes are on its screen, counted from its first. */
  shown(bytes: number): void;
  /** It has gone. Twice is fine. */
  leave(): void;
}

/** What a session in the board is made with. */
export interface SharedSessionDeps {
  readonly session: PaneletSession;
  readonly node: string;
  readonly clock: Clock;
  /** Called once, when nobody has to be told of it any more, or nobody has looked at it for 15 minutes. */
  readonly onOver: (outcome: SessionOutcome | 'left') => void;
}

/** How far a view may be behind another one before the session waits for it, in bytes. */
export const mostBehindBytes = 1024 * 1024;
/** How long a session is kept that nobody looks at, in milliseconds. */
export const keptMs = 15 * 60_000;

interface View {
  readonly output: ViewOutput;
  readonly begin: number;
  place: LogPlace;
  shown: number;
}

/**
 * A session and its views. Each view is sent at most 256 KiB more than it has shown, so what a page does not show holds the program back. A view
 * that is slower than another one loses nothing: the session waits once it is 1 MiB behind. Without a view it goes on for 256 KiB.
 */
export class SharedSession {
  readonly session: PaneletSession;
  readonly #deps: SharedSessionDeps;
  readonly #log = new OutputLog();
  readonly #views = new Set<View>();
  readonly #room = createChanges();
  readonly #stopNews: () => void;
  #state: StateNews = liveState;
  /** Bytes that some view has shown. */
  #seen = 0;
  #outcome: SessionOutcome | undefined;
  /** Some view has been told how it ended, behind all output. */
  #isEndTold = false;
  #leaving: Timer | undefined;
  #isOver = false;

  constructor(deps: SharedSessionDeps) {
    this.#deps = deps;
    this.session = deps.session;
    this.#stopNews = tellConnection(deps.session, deps.clock, (news) => this.#tell(news));
    this.#awaitView();
    void this.#read();
  }

  /** Adds a view, which is told where it is and gets what there is of the output. */
  attach(output: ViewOutput): ViewHandle {
    const place = this.#log.beginning(this.#seen);
    const view: View = { output, begin: place.offset, place, shown: 0 };
    const { sessionId } = this.session;
    const replayed = place.offset < this.#log.end;
    const seenBytes = Math.max(0, this.#seen - place.offset);
    output.news({ kind: 'opened', session: sessionId, node: this.#deps.node, replayed, seenBytes });
    if (this.#state.state !== 'live') output.news(this.#state);
    this.#views.add(view);
    this.#leaving?.stop();
    this.#pump(view);
    return {
      shown: (bytes) => this.#shown(view, bytes),
      leave: () => this.#leave(view),
    };
  }

  /** How it ended; undefined while it goes on. */
  get outcome(): SessionOutcome | undefined {
    return this.#outcome;
  }

  /** Bytes of output that are held here. */
  get heldBytes(): number {
    return this.#log.keptBytes;
  }

  async #read(): Promise<void> {
    this.#outcome = await readOutput(this.session, {
      data: ({ payload }) => this.#take(() => this.#log.append(payload)),
      snapshot: ({ payload }) => this.#take(() => this.#log.appendState(payload)),
      lost: ({ loss }) => this.#take(() => this.#log.say({ kind: 'lost', text: loss.message })),
    });
    this.#stopNews();
    const outcome = this.#outcome;
    await this.#take(() => this.#log.say(endNews(outcome)));
    this.#endIfSeen();
  }

  /** Adds to the log, sends, and waits until there is room for more. */
  async #take(add: () => void): Promise<void> {
    add();
    for (const view of this.#views) this.#pump(view);
    this.#trim();
    await this.#room.until(() => (this.#hasRoom ? true : undefined));
  }

  get #hasRoom(): boolean {
    const { end } = this.#log;
    if (this.#isOver || this.#outcome !== undefined) return true;
    if (this.#views.size === 0) return end - this.#seen < windowBytes;
    return [...this.#views].every(({ place }) => end - place.offset < mostBehindBytes);
  }

  #pump(view: View): void {
    for (;;) {
      const sent = view.place.offset - view.begin;
      const piece = this.#log.read(view.place, view.shown + windowBytes - sent);
      if (piece === undefined) return;
      view.place = piece.next;
      if ('bytes' in piece) {
        view.output.bytes(piece.bytes);
        continue;
      }
      view.output.news(piece.news);
      if (piece.news.kind === 'ended' || piece.news.kind === 'failed') this.#isEndTold = true;
    }
  }

  #shown(view: View, bytes: number): void {
    const sent = view.place.offset - view.begin;
    // Nobody shows what was not sent.
    view.shown = Math.max(view.shown, Math.min(bytes, sent));
    this.#seen = Math.max(this.#seen, view.begin + view.shown);
    this.#pump(view);
    this.#trim();
    this.#room.notify();
  }

  #trim(): void {
    this.#log.trim(
      [...this.#views].map(({ place }) => place),
      this.#seen,
    );
  }

  #tell(news: ViewNews): void {
    if (news.kind === 'state') {
      if (news.state === this.#state.state && news.text === this.#state.text) return;
      this.#state = news;
    }
    for (const { output } of this.#views) output.news(news);
  }

  #leave(view: View): void {
    if (!this.#views.delete(view)) return;
    this.#trim();
    this.#room.notify();
    if (this.#views.size === 0) this.#awaitView();
    this.#endIfSeen();
  }

  /** Nobody looks at it: after a while it is left. */
  #awaitView(): void {
    this.#leaving?.stop();
    this.#leaving = this.#deps.clock.after(keptMs, () => {
      void this.session.detach();
      this.#over(this.#outcome ?? 'left');
    });
  }

  /** Once it has ended, and somebody was told, it goes with its last view. */
  #endIfSeen(): void {
    if (this.#outcome !== undefined && this.#views.size === 0 && this.#isEndTold) this.#over(this.#outcome);
  }

  #over(outcome: SessionOutcome | 'left'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#leaving?.stop();
    this.#stopNews();
    this.#room.notify();
    this.#deps.onOver(outcome);
  }
}
