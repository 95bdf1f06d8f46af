import { PaneletError, type ErrorCode } from '#common/errors/errors.js';
import type { EndedBy, SessionEnding } from './panelet-session.js';

const codes: Readonly<Partial<Record<EndedBy, ErrorCode>>> = { forced: 'DRAIN_FORCED', failed: 'PANEL_FAILED' };

/** The error of a session that was ended: DRAIN_FORCED by a restart, PANEL_FAILED by its panel, SESSION_ENDED otherwise. */
export function errorOfEnding({ cause, message }: SessionEnding): PaneletError {
  return new PaneletError(codes[cause] ?? 'SESSION_ENDED', message);
}
