import type { Clock, Timer } from '#common/time/clock.js';
import { isPaneletError } from '#common/errors/errors.js';
import type { PaneletSession } from '../../session/panelet-session.js';
import { countDown } from './end-countdown.js';
import type { StatusLine } from './status-line.js';

/** What the user reads while a session is away: after a word that this would come, and without. */
export const reconnectingTexts = {
  planned: 'agent restarting, reconnecting',
  lost: 'connection lost, reconnecting',
  silent: 'agent does not answer, reconnecting',
} as const;

/** What the user reads while the connection is there and nobody answers. */
export const silentText = 'agent does not answer, what you type waits';

// A shorter gap is not worth a flicker.
const patienceMs = 150;
const stepSeconds = 5;
// Who has waited for as long may want to do something else.
const leaveSeconds = 10;

/** What {@link showConnection} needs beside the session. */
export interface ConnectionDisplay {
  readonly line: StatusLine;
  readonly clock: Clock;
  /** Shown once five seconds have passed in which nobody answered. @default how long it has been */
  readonly whenUnreachable?: string | undefined;
  /** How one leaves, said once ten seconds have passed, for example `ctrl-] d leaves`. @default not said */
  readonly wayOut?: string;
}

/**
 * Shows on a status line what happens to the connection of a session: a gap once it lasts, a countdown when the session
 * is going to end, now and then as long as that is far away. @returns a function that stops it.
 */
export function showConnection(
  session: PaneletSession,
  { line, clock, whenUnreachable, wayOut }: ConnectionDisplay,
): () => void {
  let timer: Timer | undefined;
  let awaySinceMs: number | undefined;
  let isUnreachable = false;
  let isSilent = false;
  let text: string = reconnectingTexts.lost;
  const next = (delayMs: number, fire: () => void): void => {
    timer?.stop();
    timer = clock.after(delayMs, fire);
  };
  const away = (): void => {
    const seconds = Math.floor((clock.nowMs() - (awaySinceMs ?? clock.nowMs())) / 1000);
    const rounded = seconds - (seconds % stepSeconds);
    const leave = rounded < leaveSeconds || wayOut === undefined ? '' : `; ${wayOut}`;
    const gap = rounded === 0 ? text : `${text} (${rounded} s)${leave}`;
    line.show(rounded > 0 && isUnreachable && whenUnreachable !== undefined ? whenUnreachable : gap);
    next(1000, away);
  };
  const calm = (): void => {
    timer?.stop();
    line.clear();
  };
  const stops = [
    session.on('silent', (event) => {
      isSilent = event.isSilent;
      if (isSilent) line.show(silentText);
      else line.clear();
    }),
    session.on('reattaching', ({ planned, error }) => {
      isUnreachable = isPaneletError(error, 'AGENT_UNREACHABLE');
      if (awaySinceMs !== undefined) return;
      awaySinceMs = clock.nowMs();
      text = reconnectingTexts[planned ? 'planned' : isSilent ? 'silent' : 'lost'];
      next(isSilent ? 0 : patienceMs, away);
    }),
    session.on('resumed', () => {
      awaySinceMs = undefined;
      isSilent = false;
      calm();
    }),
    session.on('notice', (notice) => {
      if (awaySinceMs !== undefined) return;
      if (notice.phase === 'cancelled') calm();
      else if (notice.fate === 'ends') countDown({ line, next }, notice.remainingMs, notice.reason);
    }),
  ];
  return () => {
    calm();
    for (const stop of stops) stop();
  };
}

/** Where there is no terminal: each kind of text is one line on standard error. */
export function createPlainStatusLine(err: { write(text: string): unknown }): StatusLine {
  let shown = '';
  return {
    show: (text) => {
      const kind = text.replace(/\d+/g, '');
      if (shown !== '' && (kind === shown || kind.startsWith(shown))) return;
      shown = kind;
      err.write(`panelet: ${text}\n`);
    },
    clear: () => {
      shown = '';
    },
  };
}
