import type { ViewNews } from '../../wire/session.js';

/** What a view of a session is in. */
export type ViewPhase =
  | 'opening'
  | 'live'
  /** The session's agent is away; the session goes on. */
  | 'reconnecting'
  /** The session is being written down for a restart. */
  | 'frozen'
  /** The board's server is away. */
  | 'away'
  | 'ended'
  | 'failed';

/** A view of a session, as far as it is told in words. */
export interface ViewState {
  readonly phase: ViewPhase;
  /** What is told of the phase; may be empty. */
  readonly text: string;
  /** Null before it is opened. */
  readonly session: string | null;
  /** What else is to be told, the newest last. */
  readonly notes: readonly string[];
  readonly exitCode: number | null;
}

/** A view that is being opened, of a session that may be known already. */
export function openingView(session: string | null): ViewState {
  return { phase: 'opening', text: '', session, notes: [], exitCode: null };
}

const mostNotes = 20;

/** What it is in after news of the server. */
export function viewAfter(state: ViewState, news: ViewNews): ViewState {
  switch (news.kind) {
    case 'opened':
      return { ...state, phase: 'live', text: '', session: news.session };
    case 'state':
      return { ...state, phase: news.state, text: news.text };
    case 'gap':
      return state;
    case 'lost':
      return withNote(state, `Lost: ${news.text}`);
    case 'note':
      return withNote(state, news.text);
    case 'ended':
      return { ...state, phase: 'ended', text: news.text, exitCode: news.exitCode };
    case 'failed':
      return { ...state, phase: 'failed', text: `${news.text} (${news.code})` };
  }
}

/** What it is in while the board's server is away; over stays over. */
export function viewWithoutServer(state: ViewState): ViewState {
  return isViewOver(state) ? state : { ...state, phase: 'away', text: '' };
}

/** True when nothing more comes. */
export function isViewOver({ phase }: ViewState): boolean {
  return phase === 'ended' || phase === 'failed';
}

/** One line on how it is, for people. */
export function viewLine({ phase, text, exitCode }: ViewState): string {
  switch (phase) {
    case 'opening':
      return 'Opening';
    case 'live':
      return text === '' ? 'Live' : `Live: ${text}`;
    case 'reconnecting':
      return `Agent restarting, reconnecting${text === '' ? '' : `: ${text}`}`;
    case 'frozen':
      return `Held for a restart${text === '' ? '' : `: ${text}`}`;
    case 'away':
      return "The board's server is away; the session goes on. Trying again";
    case 'ended':
      return `Ended${exitCode === null ? '' : ` with exit code ${exitCode}`}${text === '' ? '' : `: ${text}`}`;
    case 'failed':
      return `Failed: ${text}`;
  }
}

function withNote(state: ViewState, text: string): ViewState {
  return { ...state, notes: [...state.notes, text].slice(-mostNotes) };
}
