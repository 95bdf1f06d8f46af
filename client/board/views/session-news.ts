import { timestamp, type Clock } from '#common/time/clock.js';
import { reconnectingTexts, silentText } from '../../cli/session/connection-status.js';
import type { SessionOutcome } from '../../cli/session/read-output.js';
import { PaneletError } from '#common/errors/errors.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import type { SessionEventMap } from '../../session/session-events.js';
import type { ViewNews } from '../wire/session.js';

/** How the connection of a session is. */
export type StateNews = Extract<ViewNews, { readonly kind: 'state' }>;

/** How the connection is at first. */
export const liveState: StateNews = { kind: 'state', state: 'live', text: '' };

const fates: Readonly<Record<SessionEventMap['notice']['fate'], string>> = {
  unknown: '',
  kept: 'This session goes on.',
  checkpointed: 'This session goes on.',
  ends: 'This session ends.',
};

function noticeText({ phase, reason, remainingMs, fate }: SessionEventMap['notice']): string {
  if (phase === 'cancelled') return 'The restart was called off.';
  const when = remainingMs > 0 ? ` in ${Math.ceil(remainingMs / 1000)} s` : '';
  return [`A restart comes${when}${reason === '' ? '.' : `: ${reason}.`}`, fates[fate]].join(' ').trim();
}

/** Tells what happens to the connection of a session. @returns a function that stops it */
export function tellConnection(session: PaneletSession, clock: Clock, tell: (news: ViewNews) => void): () => void {
  let isPlanned = false;
  const stops = [
    session.on('reattaching', ({ attempt, planned }) => {
      if (attempt <= 1) isPlanned = planned;
      tell({ kind: 'state', state: 'reconnecting', text: reconnectingTexts[isPlanned ? 'planned' : 'lost'] });
    }),
    session.on('silent', ({ isSilent }) =>
      tell(isSilent ? { kind: 'state', state: 'reconnecting', text: silentText } : liveState),
    ),
    session.on('frozen', ({ reason }) => tell({ kind: 'state', state: 'frozen', text: reason })),
    session.on('resumed', ({ gapMs }) => {
      const cause = isPlanned ? 'restart' : 'cut';
      tell({ kind: 'gap', ms: Math.round(gapMs), cause, at: timestamp(clock.date()) });
      tell(liveState);
    }),
    session.on('moved', () => {
      tell({ kind: 'gap', ms: 0, cause: 'moved', at: timestamp(clock.date()) });
      tell(liveState);
    }),
    session.on('notice', (notice) => {
      tell({ kind: 'note', text: noticeText(notice) });
      if (notice.phase === 'cancelled') tell(liveState);
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** How it ended, for a page. */
export function endNews(outcome: SessionOutcome): ViewNews {
  switch (outcome.kind) {
    case 'exited': {
      const { code, signal } = outcome;
      if (signal !== undefined) return { kind: 'ended', text: `Ended by ${signal}.`, exitCode: null };
      return { kind: 'ended', text: `Ended with exit code ${code}.`, exitCode: code };
    }
    case 'ended':
      return { kind: 'ended', text: 'The session has ended.', exitCode: null };
    case 'cut':
      return { kind: 'ended', text: outcome.error.message, exitCode: null };
    case 'detached':
      return { kind: 'failed', code: 'SESSION_ENDED', text: 'The board has left this session, which goes on.' };
    case 'unwritten':
    case 'failed': {
      const { code, message } = PaneletError.from(outcome.error);
      return { kind: 'failed', code, text: message };
    }
  }
}
